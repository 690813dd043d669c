//! `freehold host ls | drain | undrain | rm` and `freehold host quarantine ls | rm`; `token` is in [`super::host_token`].

mod listed;
mod quarantine;

use freehold_proto::internal::operator::{DrainHostRequest, ListHostsRequest, RemoveHostRequest, RemoveHostResponse};
use serde::Serialize;

use super::confirm::confirm;
use crate::Failure;
use crate::cli;
use crate::commands::host_token;
use crate::config::Config;
use crate::operator;
use crate::output;

pub use listed::Listed;

pub async fn run(config: &Config, output: cli::Output, command: cli::Host) -> Result<(), Failure> {
    match command {
        cli::Host::Ls => list(config, output).await,
        cli::Host::Drain { host } => drain(config, output, host, false).await,
        cli::Host::Undrain { host } => drain(config, output, host, true).await,
        cli::Host::Rm { host, lost, yes } => remove(config, output, host, lost, yes).await,
        cli::Host::Quarantine(command) => quarantine::run(config, output, command).await,
        cli::Host::Token(options) => host_token::run(config, output, &options).await,
    }
}

async fn list(config: &Config, output: cli::Output) -> Result<(), Failure> {
    let answer = operator::call(&config.sockets().operator, operator::connect(config).list_hosts(ListHostsRequest {})).await?;
    let rows: Vec<Listed> = answer.hosts.into_iter().map(Listed::from).collect();
    output::rows(output, &rows)?;
    if output == cli::Output::Table {
        let overcommit = answer.overcommit.unwrap_or_default();
        output::line(&format!(
            "\nused / promised: of each host {} × its vCPUs, {} × its memory and {} × its disk are promised ([scheduler.overcommit])",
            overcommit.vcpus, overcommit.memory, overcommit.disk
        ))?;
    }
    Ok(())
}

async fn drain(config: &Config, output: cli::Output, host: String, undrain: bool) -> Result<(), Failure> {
    let request = DrainHostRequest { host, undrain };
    let host = operator::call(&config.sockets().operator, operator::connect(config).drain_host(request)).await?;
    output::rows(output, &[Listed::from(host)])
}

/// What went with a host.
#[derive(Serialize)]
struct Removed {
    host_id: String,
    hostname: String,
    terminated_instances: Vec<String>,
    lost_volumes: Vec<String>,
}

impl From<RemoveHostResponse> for Removed {
    fn from(answer: RemoveHostResponse) -> Self {
        let RemoveHostResponse { host_id, hostname, terminated_instances, lost_volumes } = answer;
        Self { host_id, hostname, terminated_instances, lost_volumes }
    }
}

async fn remove(config: &Config, output: cli::Output, host: String, lost: bool, yes: bool) -> Result<(), Failure> {
    let socket = config.sockets().operator;
    let mut operator = operator::connect(config);
    let request = RemoveHostRequest { host, lost, dry_run: true };
    let would: Removed = operator::call(&socket, operator.remove_host(request.clone())).await?.into();
    confirm(yes, &question(&would, lost))?;
    let removed: Removed = operator::call(&socket, operator.remove_host(RemoveHostRequest { dry_run: false, ..request })).await?.into();
    match output {
        cli::Output::Json => output::json(&removed),
        cli::Output::Table => output::line(&format!("{} ({}) is no host of this cloud any more", removed.host_id, removed.hostname)),
    }
}

fn question(would: &Removed, lost: bool) -> String {
    let Removed { host_id, hostname, terminated_instances, lost_volumes } = would;
    if !lost {
        return format!("The host {host_id} ({hostname}) holds nothing and will be forgotten.");
    }
    let named = |ids: &[String]| if ids.is_empty() { String::new() } else { format!(" ({})", ids.join(", ")) };
    format!(
        "The host {host_id} ({hostname}) will be given up: {} instances{} are terminated, {} volumes{} are lost, and it is not let in again.",
        terminated_instances.len(),
        named(terminated_instances),
        lost_volumes.len(),
        named(lost_volumes)
    )
}
