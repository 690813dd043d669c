//! `freehold status`: for whoever is woken at night. What runs, what is wrong, what to do; the exit code says whether to get up.

use std::collections::BTreeMap;
use std::process::ExitCode;

use freehold_proto::internal::operator::{GetStatusRequest, Status};
use serde::Serialize;

use crate::Failure;
use crate::cli::Output;
use crate::commands::host;
use crate::config::Config;
use crate::health;
use crate::operator;
use crate::output;
use crate::part::Part;
use crate::pidfile;

#[derive(Serialize)]
struct Report {
    version: &'static str,
    endpoint_url: String,
    api: String,
    processes: BTreeMap<&'static str, Option<i32>>,
    cluster_id: Option<String>,
    epoch: Option<u64>,
    instances: BTreeMap<String, u32>,
    hosts: Vec<host::Listed>,
    /// Empty: all is well.
    attention: Vec<String>,
}

const PARTS: [Part; 6] = [Part::Supervisor, Part::ControlPlane, Part::Gateway, Part::Scheduler, Part::ImageStore, Part::Agent];

pub async fn run(config: &Config, output: Output) -> Result<ExitCode, Failure> {
    let report = gather(config).await;
    match output {
        Output::Json => output::json(&report)?,
        Output::Table => show(&report)?,
    }
    Ok(if report.attention.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(3) })
}

async fn gather(config: &Config) -> Report {
    let folders = config.folders();
    let processes: BTreeMap<_, _> =
        PARTS.into_iter().map(|part| (part.name(), pidfile::read(&part.pid_file(&folders)).map(|process| process.pid))).collect();
    let api = health::ask(config.api_address()).await;
    let socket = config.sockets().operator;
    let status = operator::call(&socket, operator::connect(config).get_status(GetStatusRequest {})).await;
    let attention = attention(config, &processes, &api, &status);
    let status = status.ok();
    Report {
        version: env!("CARGO_PKG_VERSION"),
        endpoint_url: config.endpoint_url(),
        api: api.map_or_else(|reason| reason, |()| "answers".into()),
        processes,
        cluster_id: status.as_ref().map(|status| status.cluster_id.clone()),
        epoch: status.as_ref().map(|status| status.epoch),
        instances: status.iter().flat_map(|status| status.instances.clone()).collect(),
        hosts: status.into_iter().flat_map(|status| status.hosts).map(host::Listed::from).collect(),
        attention,
    }
}

/// What somebody must do something about, each with what to do.
fn attention(
    config: &Config,
    processes: &BTreeMap<&'static str, Option<i32>>,
    api: &Result<(), String>,
    status: &Result<Status, Failure>,
) -> Vec<String> {
    let runs = |part: Part| processes.get(part.name()).copied().flatten().is_some();
    let log = |part: Part| part.log_file(&config.folders()).display().to_string();
    if !PARTS.into_iter().any(runs) {
        return vec!["nothing runs here: `freehold up` starts the cloud".into()];
    }
    let mut attention = Vec::new();
    if !runs(Part::Agent) {
        attention.push(format!(
            "no agent runs on this host, so its guests are not looked after: `freehold up` starts it; {} says why it ended",
            log(Part::Agent)
        ));
    }
    if let Err(reason) = api {
        attention.push(format!("the API does not answer ({reason}): `freehold up` starts it; {} says more", log(Part::ControlPlane)));
    }
    match status {
        Ok(status) => attention.extend(status.attention.iter().cloned()),
        Err(reason) => attention.push(format!("the scheduler does not answer: {reason}")),
    }
    attention
}

fn show(report: &Report) -> Result<(), Failure> {
    output::line(&format!("freehold {}   {}   API: {}", report.version, report.endpoint_url, report.api))?;
    let running: Vec<String> = report.processes.iter().filter_map(|(name, pid)| pid.map(|pid| format!("{name} ({pid})"))).collect();
    output::line(&format!("processes  {}", if running.is_empty() { "none".into() } else { running.join(", ") }))?;
    let instances: Vec<String> = report.instances.iter().map(|(state, count)| format!("{count} {state}")).collect();
    output::line(&format!("instances  {}", if instances.is_empty() { "none".into() } else { instances.join(", ") }))?;
    if !report.hosts.is_empty() {
        output::line("")?;
        output::rows(Output::Table, &report.hosts)?;
    }
    output::line("")?;
    if report.attention.is_empty() {
        return output::line("all is well");
    }
    output::line("NEEDS ATTENTION")?;
    report.attention.iter().try_for_each(|sentence| output::line(&format!("  ! {sentence}")))
}
