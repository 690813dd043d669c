//! Who serves the store.

use freehold_proto::internal::operator::Scheduler;
use serde::Serialize;

use crate::output::{self, Row};

#[derive(Serialize)]
pub struct Listed {
    scheduler_id: String,
    started: String,
    hosts: u32,
    /// It is the one that does what only one may.
    reconciles: bool,
    /// It is the one that was asked.
    answers: bool,
}

impl From<Scheduler> for Listed {
    fn from(scheduler: Scheduler) -> Self {
        let Scheduler { scheduler_id, started, hosts, reconciles, answers } = scheduler;
        Self { scheduler_id, started: output::time(started), hosts, reconciles, answers }
    }
}

impl Row for Listed {
    const HEADINGS: &'static [&'static str] = &["SCHEDULER", "STARTED", "HOSTS", "ROLE"];

    fn cells(&self) -> Vec<String> {
        let roles = [(self.answers, "answers here"), (self.reconciles, "reconciles")];
        let roles: Vec<&str> = roles.into_iter().filter(|(has, _)| *has).map(|(_, role)| role).collect();
        vec![self.scheduler_id.clone(), self.started.clone(), self.hosts.to_string(), roles.join(", ")]
    }
}
