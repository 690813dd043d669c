//! `freehold status`: for whoever is woken at night. What runs, what is wrong, since when, what to do; the exit code says whether to get up.

mod here;
mod problem;
mod schedulers;

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
use here::Here;
use problem::Problem;

/// Something needs a hand, and the cloud serves all the same.
const NEEDS_A_HAND: u8 = 3;
/// The cloud does not serve.
const DOWN: u8 = 4;

#[derive(Serialize)]
struct Report {
    version: &'static str,
    endpoint_url: String,
    api: String,
    processes: BTreeMap<&'static str, Option<i32>>,
    cluster_id: Option<String>,
    epoch: Option<u64>,
    instances: BTreeMap<String, u32>,
    schedulers: Vec<schedulers::Listed>,
    hosts: Vec<host::Listed>,
    /// Empty: all is well.
    problems: Vec<Problem>,
    /// The same as lines.
    attention: Vec<String>,
}

pub async fn run(config: &Config, output: Output) -> Result<ExitCode, Failure> {
    let report = gather(config).await;
    match output {
        Output::Json => output::json(&report)?,
        Output::Table => show(&report)?,
    }
    Ok(if report.problems.iter().any(|problem| problem.down) {
        ExitCode::from(DOWN)
    } else if report.problems.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(NEEDS_A_HAND)
    })
}

async fn gather(config: &Config) -> Report {
    let here = Here::look(config);
    let api = health::ask(config).await;
    let socket = config.sockets().operator;
    let status = operator::call(&socket, operator::connect(config).get_status(GetStatusRequest {})).await;
    let problems = problems(&here, &api, &status);
    let status = status.ok();
    Report {
        version: env!("CARGO_PKG_VERSION"),
        endpoint_url: config.endpoint_url(),
        api: api.map_or_else(|reason| reason, |()| "answers".into()),
        processes: here.processes,
        cluster_id: status.as_ref().map(|status| status.cluster_id.clone()),
        epoch: status.as_ref().map(|status| status.epoch),
        instances: status.iter().flat_map(|status| status.instances.clone()).collect(),
        schedulers: status.iter().flat_map(|status| status.schedulers.clone()).map(Into::into).collect(),
        hosts: status.into_iter().flat_map(|status| status.hosts).map(host::Listed::from).collect(),
        attention: problems.iter().map(ToString::to_string).collect(),
        problems,
    }
}

/// What somebody must do something about: what keeps the cloud from serving first.
fn problems(here: &Here<'_>, api: &Result<(), String>, status: &Result<Status, Failure>) -> Vec<Problem> {
    if here.nothing_runs() {
        return vec![Problem::of("", "nothing runs here", "`freehold up` starts the cloud").down()];
    }
    let mut problems = Vec::new();
    if let Err(reason) = api {
        let part = if here.runs(Part::Gateway) { Part::Gateway } else { Part::ControlPlane };
        let remedy = format!("`freehold up` starts it; {} says more", here.log(part).display());
        problems.push(Problem::of("API", format!("it does not answer: {reason}"), remedy).since(gone_since(here, part)).down());
    }
    if let Err(reason) = status {
        let part = if here.runs(Part::Scheduler) { Part::Scheduler } else { Part::ControlPlane };
        let remedy = format!("guests go on, commands fail; {} says more", here.log(part).display());
        problems.push(Problem::of("scheduler", format!("it does not answer: {reason}"), remedy).since(gone_since(here, part)).down());
    }
    problems.extend(here.problems());
    if let Ok(status) = status {
        problems.extend(status.problems.iter().cloned().map(Problem::from));
        problems.extend(status.attention.iter().cloned().map(Problem::sentence));
    }
    problems
}

/// A part that runs and does not answer has no such moment.
fn gone_since(here: &Here<'_>, part: Part) -> Option<std::time::SystemTime> {
    if here.runs(part) { None } else { here.last_word(part) }
}

fn show(report: &Report) -> Result<(), Failure> {
    output::line(&format!("freehold {}   {}   API: {}", report.version, report.endpoint_url, report.api))?;
    let running: Vec<String> = report.processes.iter().filter_map(|(name, pid)| pid.map(|pid| format!("{name} ({pid})"))).collect();
    output::line(&format!("processes  {}", if running.is_empty() { "none".into() } else { running.join(", ") }))?;
    let instances: Vec<String> = report.instances.iter().map(|(state, count)| format!("{count} {state}")).collect();
    output::line(&format!("instances  {}", if instances.is_empty() { "none".into() } else { instances.join(", ") }))?;
    // Of one there is nothing to say that the rest does not.
    if report.schedulers.len() > 1 {
        output::line("")?;
        output::rows(Output::Table, &report.schedulers)?;
    }
    if !report.hosts.is_empty() {
        output::line("")?;
        output::rows(Output::Table, &report.hosts)?;
    }
    output::line("")?;
    if report.problems.is_empty() {
        return output::line("all is well");
    }
    output::line("NEEDS ATTENTION")?;
    report.problems.iter().try_for_each(show_problem)
}

fn show_problem(problem: &Problem) -> Result<(), Failure> {
    let bare = Problem { remedy: String::new(), ..problem.clone() };
    output::line(&format!("  ! {bare}"))?;
    if problem.remedy.is_empty() { Ok(()) } else { output::line(&format!("    → {}", problem.remedy)) }
}
