//! Instances: EC2's graph of states, as clients and hosts move along it.
//!
//! Source: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html>.

use std::collections::BTreeSet;

use super::answer::Element;
use super::query::Query;
use super::{Account, Faults, Rules, is_id, same};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    Pending,
    Running,
    Stopping,
    Stopped,
    ShuttingDown,
    Terminated,
}

use State::{Pending, Running, ShuttingDown, Stopped, Stopping, Terminated};

impl State {
    const ALL: [Self; 6] = [Pending, Running, Stopping, Stopped, ShuttingDown, Terminated];

    pub fn word(self) -> &'static str {
        match self {
            Pending => "pending",
            Running => "running",
            Stopping => "stopping",
            Stopped => "stopped",
            ShuttingDown => "shutting-down",
            Terminated => "terminated",
        }
    }

    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    pub fn ends(self) -> bool {
        matches!(self, ShuttingDown | Terminated)
    }
}

const BY_USER: &str = "Client.UserInitiatedShutdown";
const BY_GUEST: &str = "Client.InstanceInitiatedShutdown";

/// How long a terminated instance is shown, in seconds.
const SHOWN: u64 = 3600;

#[derive(Clone, Debug)]
pub struct Instance {
    pub state: State,
    /// Its type.
    pub kind: String,
    pub key: Option<String>,
    pub user_data: Option<String>,
    pub ends_on_shutdown: bool,
    pub no_termination: bool,
    pub no_stop: bool,
    pub monitored: bool,
    /// Tokens, hop limit, endpoint, tags.
    pub metadata: [String; 4],
    pub source_dest_check: bool,
    pub placement_group: Option<String>,
    pub partition: Option<i64>,
    pub index: usize,
    pub token: String,
    pub reservation: String,
    /// Where it is, once that is known. Clients never learn it.
    pub host: Option<String>,
    /// It was stopped when its end was ordered, and takes nothing but its disk.
    pub ended_stopped: bool,
    pub ended_at: Option<u64>,
    /// Its guest may have switched itself off.
    pub off: bool,
    /// Why it was last stopped or ended.
    pub reason: &'static str,
}

impl Instance {
    /// Whether it takes what its type needs of its host.
    pub fn is_awake(&self) -> bool {
        match self.state {
            Pending | Running | Stopping => true,
            ShuttingDown => !self.ended_stopped,
            Stopped | Terminated => false,
        }
    }

    /// Whether its host may have brought it from its state to another.
    fn may_reach(&self, to: State) -> bool {
        let by_itself = |to| if self.ends_on_shutdown { matches!(to, ShuttingDown | Terminated) } else { to == Stopped };
        match (self.state, to) {
            (from, to) if from == to => true,
            (Pending, Running) | (Stopping, Stopped) | (ShuttingDown, Terminated) => true,
            (Pending | Running, to) => self.off && by_itself(to),
            _ => false,
        }
    }

    /// Describe shows it in another state than before.
    pub fn moved(&mut self, to: State, now: u64) -> Result<(), String> {
        if !self.may_reach(to) {
            return Err(format!("went from {} to {}", self.state.word(), to.word()));
        }
        if matches!(self.state, Pending | Running) && matches!(to, Stopped | ShuttingDown | Terminated) {
            self.reason = BY_GUEST;
            self.ended_stopped = false;
        }
        if to == Terminated && self.state != Terminated {
            self.ended_at = Some(now);
        }
        if to == Stopped {
            self.off = false;
        }
        self.state = to;
        Ok(())
    }

    /// The code of its `stateReason`.
    pub fn shown_reason(&self) -> &'static str {
        match self.state {
            Pending => "pending",
            Running => "",
            _ => self.reason,
        }
    }

    /// Whether it is shown no more.
    pub fn is_forgotten(&self, now: u64) -> bool {
        self.ended_at.is_some_and(|at| now >= at + SHOWN)
    }
}

/// The ids that a request names, each once, in the order in which they are named first.
fn named(query: &Query) -> Vec<String> {
    let mut seen = BTreeSet::new();
    query.list("InstanceId").into_iter().filter(|id| seen.insert(id.to_string())).map(ToOwned::to_owned).collect()
}

/// What is wrong with the ids themselves: one that is, and nothing is done with any.
pub fn id_faults(own: &Account, ids: &[String]) -> Faults {
    let wrong = |id: &String| match (is_id("i", id), own.instances.contains_key(id)) {
        (false, _) => Some("InvalidInstanceID.Malformed"),
        (true, false) => Some("InvalidInstanceID.NotFound"),
        (true, true) => None,
    };
    if ids.is_empty() { vec!["MissingParameter"] } else { ids.iter().filter_map(wrong).collect() }
}

const STATE: &str = "IncorrectInstanceState";
const PROTECTED: &str = "OperationNotPermitted";

/// Of whatever is done to several instances but starting them.
pub fn faults(own: &Account, query: &Query) -> Faults {
    let ids = named(query);
    let mut faults = id_faults(own, &ids);
    for one in ids.iter().filter_map(|id| own.instances.get(id)) {
        match (query.action, one.state) {
            ("StopInstances", Pending | ShuttingDown | Terminated) | ("RebootInstances", Stopping | Stopped) => faults.push(STATE),
            _ => {}
        }
        let stops = query.action == "StopInstances" && one.no_stop && matches!(one.state, Pending | Running);
        let ends = query.action == "TerminateInstances" && one.no_termination && !one.state.ends();
        faults.extend((stops || ends).then_some(PROTECTED));
    }
    faults
}

/// Each has to have room where its disk is, one after the other.
pub fn start_faults(rules: &Rules, own: &Account, query: &Query) -> Faults {
    let ids = named(query);
    let mut faults = id_faults(own, &ids);
    let mut room = rules.rooms();
    for one in ids.iter().filter_map(|id| own.instances.get(id)) {
        match one.state {
            Stopping | ShuttingDown | Terminated => faults.push(STATE),
            Stopped => faults.extend(room.start(one)),
            Pending | Running => {}
        }
    }
    faults
}

/// Where a client's word brings it.
fn next(action: &str, state: State) -> State {
    match (action, state) {
        ("StartInstances", Stopped) => Pending,
        ("StopInstances", Running) => Stopping,
        ("TerminateInstances", Pending | Running | Stopping | Stopped) => ShuttingDown,
        _ => state,
    }
}

pub fn accept(own: &mut Account, query: &Query, answer: &Element) -> Result<(), String> {
    let mut shown = answer.items("instancesSet");
    for id in named(query) {
        let Some(one) = own.instances.get_mut(&id) else { return Err(format!("{id} is not there")) };
        let before = one.state;
        one.state = next(query.action, before);
        match query.action {
            "RebootInstances" => continue,
            "MonitorInstances" | "UnmonitorInstances" => one.monitored = query.action == "MonitorInstances",
            _ if one.state == before => {}
            "StartInstances" => one.off = false,
            "StopInstances" => one.reason = BY_USER,
            _ => (one.reason, one.ended_stopped) = (BY_USER, before == Stopped),
        }
        let item = shown.next().ok_or_else(|| format!("nothing is answered of {id}"))?;
        same("the next instance", item.at("instanceId"), &id)?;
        if query.action.ends_with("monitorInstances") || query.action == "MonitorInstances" {
            same("its monitoring", item.at("monitoring/state"), if one.monitored { "enabled" } else { "disabled" })?;
        } else {
            same("its previous state", item.at("previousState/name"), before.word())?;
            same("its state", item.at("currentState/name"), one.state.word())?;
        }
    }
    shown.next().map_or(Ok(()), |more| Err(format!("{} is answered too", more.at("instanceId"))))
}
