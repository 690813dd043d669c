//! `freehold up`: starts the cloud on this machine and waits until it answers; a no-op where it runs.

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
use crate::systemd;

const PROFILE: &str = "freehold";
/// A first start makes a database and looks at the machine; on a slow disk under load that is seconds, not a minute.
const HEALTHY_WITHIN: Duration = Duration::from_mins(1);
/// A control plane that is not seen running for this long is not just being started.
const GONE_FOR: Duration = Duration::from_secs(5);
const ASK_EVERY: Duration = Duration::from_millis(100);

pub async fn run(config: &Config, options: &Up) -> Result<(), Failure> {
    if options.foreground {
        return foreground(config).await;
    }
    if systemd::keeps(config) {
        output::progress("starting freehold.target");
        systemd::start().await?;
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
    let mut last_seen = Instant::now();
    loop {
        let (runs, kept) = (control_plane_runs(config), keeper_runs(config));
        if runs && kept {
            last_seen = Instant::now();
        }
        let reason = match health::ask(config).await {
            // That something answers at the address is not enough: it may be somebody else.
            Ok(()) if runs && kept => return Ok(()),
            Ok(()) if runs => "the supervisor, which keeps the parts alive, does not stay up".into(),
            Ok(()) => "the control plane does not stay up, and another process answers at its address".into(),
            Err(reason) if runs => reason,
            Err(reason) => format!("the control plane does not stay up, {reason}"),
        };
        if Instant::now() > deadline || last_seen.elapsed() > GONE_FOR {
            return Err(not_up(config, &reason).into());
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

fn control_plane_runs(config: &Config) -> bool {
    let folders = config.folders();
    [Part::ControlPlane, Part::Gateway].into_iter().any(|part| pidfile::read(&part.pid_file(&folders)).is_some())
}

/// A cloud that answers and that nobody starts again is not up.
fn keeper_runs(config: &Config) -> bool {
    systemd::keeps(config) || pidfile::read(&Part::Supervisor.pid_file(&config.folders())).is_some()
}

fn not_up(config: &Config, reason: &str) -> String {
    let log = Part::ControlPlane.log_file(&config.folders());
    let text = std::fs::read_to_string(&log).unwrap_or_default();
    format!("the cloud is not up: {reason}\nthe last line of {}: {}", log.display(), text.lines().last().unwrap_or("(empty)"))
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
    account::write_profile(config, PROFILE, &created).await
}

/// Whether the profile has this endpoint and a key that this cloud, and not an earlier one at the same address, has given out.
async fn profile_opens(config: &Config) -> Result<bool, Failure> {
    let files = Files::locate()?;
    let Some(access_key_id) = files.access_key_id(PROFILE, &config.endpoint_url())? else { return Ok(false) };
    if let Some(pem) = operator::authority(config).await?
        && !files.believes(PROFILE, &pem)?
    {
        return Ok(false);
    }
    let socket = config.sockets().scheduler;
    let mut identity = IdentityClient::new(freehold_link::unix::channel(&socket));
    // Any day will do: the question is whether the key exists.
    let scope = GetDayKeyRequest { access_key_id, date: "20260101".into(), region: config.region().into(), service: "sts".into() };
    Ok(operator::call(&socket, identity.get_day_key(scope)).await?.found)
}
