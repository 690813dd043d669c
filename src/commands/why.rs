//! `freehold why`: why an instance is where it is, or why a request found no place.

use std::collections::BTreeMap;

use freehold_proto::internal::operator::{ExplainRequest, Explanation, NotChosen, Placed};
use serde::Serialize;

use crate::Failure;
use crate::cli::Output;
use crate::config::Config;
use crate::operator;
use crate::output;

#[derive(Serialize)]
struct Answer {
    subject: String,
    account_id: String,
    action: String,
    decided: String,
    wanted: String,
    placed: Vec<PlacedRow>,
    /// As it was then.
    not_chosen: Vec<PassedRow>,
    /// More hosts, by reason.
    more: BTreeMap<String, u64>,
    unread: bool,
}

#[derive(Serialize)]
struct PlacedRow {
    instance_id: String,
    state: String,
    host_id: String,
    hostname: String,
    reason: String,
    now: String,
}

#[derive(Serialize)]
struct PassedRow {
    host_id: String,
    hostname: String,
    reason: String,
}

impl From<Explanation> for Answer {
    fn from(explanation: Explanation) -> Self {
        let instance = |Placed { instance_id, state, host_id, hostname, reason, now }| PlacedRow {
            instance_id,
            state,
            host_id,
            hostname,
            reason,
            now,
        };
        let host = |NotChosen { host_id, hostname, reason }| PassedRow { host_id, hostname, reason };
        Self {
            subject: explanation.subject,
            account_id: explanation.account_id,
            action: explanation.action,
            decided: output::time(explanation.decided),
            wanted: explanation.wanted,
            placed: explanation.placed.into_iter().map(instance).collect(),
            not_chosen: explanation.others.into_iter().map(host).collect(),
            more: explanation.more.into_iter().collect(),
            unread: explanation.unread,
        }
    }
}

pub async fn run(config: &Config, output: Output, subject: String) -> Result<(), Failure> {
    let explained = operator::call(&config.sockets().operator, operator::connect(config).explain(ExplainRequest { subject })).await?;
    let answer = Answer::from(explained);
    match output {
        Output::Json => output::json(&answer),
        Output::Table => output::line(&told(&answer).join("\n")),
    }
}

fn told(answer: &Answer) -> Vec<String> {
    let Answer { action, account_id, decided, wanted, .. } = answer;
    let wanted = if wanted.is_empty() { String::new() } else { format!(": {wanted}") };
    let mut lines = vec![format!("{action} of the account {account_id} at {decided}{wanted}")];
    if answer.placed.is_empty() {
        lines.push("no host took it:".into());
    }
    for placed in &answer.placed {
        lines.push(format!("{} ({}) is on {}", placed.instance_id, placed.state, named(&placed.host_id, &placed.hostname)));
        lines.push(format!("  {}", placed.reason));
        if !placed.now.is_empty() {
            lines.push(format!("  now: {}", placed.now));
        }
    }
    let others = !answer.not_chosen.is_empty() || !answer.more.is_empty();
    if others && !answer.placed.is_empty() {
        lines.push("the other hosts, as they were then:".into());
    }
    lines.extend(answer.not_chosen.iter().map(|host| format!("  {} {}", named(&host.host_id, &host.hostname), host.reason)));
    lines.extend(answer.more.iter().map(|(reason, count)| format!("  {count} more {reason}")));
    if answer.unread {
        lines.push("  further hosts were not looked at: they come later in the order, or have no room".into());
    }
    lines
}

fn named(host_id: &str, hostname: &str) -> String {
    match (host_id, hostname) {
        ("", _) => "no host".into(),
        (id, "") => id.to_owned(),
        (id, name) => format!("{name} ({id})"),
    }
}
