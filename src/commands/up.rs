//! `freehold up`: starts the cloud on this machine and waits until it answers; a no-op where it runs.

use std::path::Path;
use std::time::{Duration, Instant};

use freehold_proto::internal::identity::GetDayKeyRequest;
use freehold_proto::internal::identity::identity_client::IdentityClient;
use freehold_proto::internal::operator::ListAccountsRequest;

use crate::Failure;
use crate::cli::Up;
use crate::commands::account;
use crate::config::Config;
use crate::health;
use crate::operator;
use crate::output;
use crate::part::Part;
use crate::pidfile;
use crate::profile::Files;
use crate::supervise;

const PROFILE: &str = "freehold";
/// A first start makes a database and looks at the machine; on a slow disk under load that is seconds, not a minute.
const HEALTHY_WITHIN: Duration = Duration::from_mins(1);
const ASK_EVERY: Duration = Duration::from_millis(100);

pub async fn run(config: &Config, options: &Up) -> Result<(), Failure> {
    if options.foreground {
        return foreground(config).await;
    }
    if systemd_units_are_installed(config) {
        systemctl_start().await?;
    } else if let Some(supervisor) = pidfile::read(&Part::Supervisor.pid_file(&config.folders())) {
        output::progress(&format!("already runs (pid {})", supervisor.pid));
    } else {
        let child = supervise::start(config, Part::Supervisor, &["--foreground"])?;
        output::progress(&format!("started (pid {}), logs in {}", child.id(), config.folders().log_dir.display()));
    }
    wait_until_healthy(config).await?;
    if !options.no_profile {
        first_account(config).await?;
    }
    output::progress(&format!("the API answers at {}", config.endpoint_url()));
    Ok(())
}

/// The supervisor itself.
async fn foreground(config: &Config) -> Result<(), Failure> {
    let path = Part::Supervisor.pid_file(&config.folders());
    let Some(_claim) = pidfile::claim(&path)? else {
        output::progress("already runs");
        return Ok(());
    };
    let stop = supervise::until_asked_to_end()?;
    supervise::run(config, &[Part::ControlPlane, Part::Agent], stop).await?;
    Ok(std::fs::remove_file(path)?)
}

async fn wait_until_healthy(config: &Config) -> Result<(), Failure> {
    let deadline = Instant::now() + HEALTHY_WITHIN;
    loop {
        let Err(reason) = health::ask(config.api_address()).await else { return Ok(()) };
        if Instant::now() > deadline {
            let log = Part::ControlPlane.log_file(&config.folders());
            return Err(format!("the API is not up after {} s ({reason}); {} says why", HEALTHY_WITHIN.as_secs(), log.display()).into());
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

/// The first `up` of a cloud makes its first account; any `up` makes sure that the profile opens this cloud.
async fn first_account(config: &Config) -> Result<(), Failure> {
    let socket = config.sockets().operator;
    let mut operator = operator::connect(config);
    let accounts = operator::call(&socket, operator.list_accounts(ListAccountsRequest {})).await?.accounts;
    let created = match accounts.into_iter().next() {
        None => account::create(config, "main".into(), String::new()).await?,
        Some(_) if profile_opens(config).await? => return Ok(()),
        Some(first) => account::key(config, &mut operator, first.account_id, first.name).await?,
    };
    output::progress(&format!("account {} ({}), access key {}", created.account_id, created.name, created.access_key_id));
    account::write_profile(config, PROFILE, &created)
}

/// Whether the profile has this endpoint and a key that this cloud, and not an earlier one at the same address, has given out.
async fn profile_opens(config: &Config) -> Result<bool, Failure> {
    let Some(access_key_id) = Files::locate()?.access_key_id(PROFILE, &config.endpoint_url())? else { return Ok(false) };
    let socket = config.sockets().scheduler;
    let mut identity = IdentityClient::new(freehold_link::unix::channel(&socket));
    // Any day will do: the question is whether the key exists.
    let scope = GetDayKeyRequest { access_key_id, date: "20260101".into(), region: config.region().into(), service: "sts".into() };
    Ok(operator::call(&socket, identity.get_day_key(scope)).await?.found)
}

/// systemd runs this machine, the units are there, and the configuration is the one they start with.
fn systemd_units_are_installed(config: &Config) -> bool {
    config.is_the_installed_one()
        && Path::new("/run/systemd/system").is_dir()
        && ["/etc/systemd/system", "/usr/lib/systemd/system"].iter().any(|folder| Path::new(folder).join("freehold.target").exists())
}

async fn systemctl_start() -> Result<(), Failure> {
    output::progress("starting freehold.target");
    let status = tokio::process::Command::new("systemctl").args(["start", "freehold.target"]).status().await?;
    if status.success() { Ok(()) } else { Err("systemctl start freehold.target failed; `journalctl -u 'freehold*'` says why".into()) }
}
