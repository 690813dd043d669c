//! What the clients know: what they asked, what was answered, and what follows from it. The measure of everything else, kept apart from the
//! product.

use std::collections::{BTreeMap, BTreeSet};

use crate::call::{Answer, Call};

/// The reason of an instance whose host could not start it, or is no more.
pub const GIVEN_UP: &str = "Server.InternalError";

/// What an instance was last asked to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    Running,
    Stopped,
    Terminated,
}

/// An instance that a client was told of.
#[derive(Clone, Debug)]
pub struct Known {
    pub account: usize,
    pub asked: Asked,
    pub terminate_on_shutdown: bool,
    pub tag: Option<String>,
    /// The guest switched itself off since it was last started from a standstill.
    pub powered_off: bool,
}

/// What may have happened to an instance's guest since somebody asked for it, answered or not, or since the world did it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Excuse {
    /// Power-ons after the first.
    pub boots: usize,
    /// Those of them that are reboots.
    pub reboots: usize,
    pub off: bool,
    pub end: bool,
    /// The guest died by itself, and one that does so again and again is given up; or its host burned down.
    pub failed: bool,
}

/// A request under way whose answer was lost. Its client says it again until it is answered, and says nothing else meanwhile.
#[derive(Clone, Debug)]
pub struct Unanswered {
    pub account: usize,
    pub call: Call,
}

#[derive(Debug, Default)]
pub struct Journal {
    pub instances: BTreeMap<String, Known>,
    pub excuses: BTreeMap<String, Excuse>,
    pub unanswered: Vec<Unanswered>,
    /// Ports that are open in each account's default group.
    pub ports: BTreeMap<(usize, i32), bool>,
    /// Ids that a token gave, to be given again.
    tokens: BTreeMap<String, Vec<String>>,
    /// Hosts that could not do what they were told, by id, since everything was last at rest: what they have may be given up.
    pub failed_hosts: BTreeSet<String>,
    /// Instances that were seen to have ended, each for a reason that somebody gave. An hour later they are forgotten.
    pub ended: BTreeSet<String>,
    pub calls: usize,
    pub launches: usize,
}

impl Journal {
    /// Whether the client may ask something of this now.
    pub fn is_free(&self, what: &str) -> bool {
        !self.unanswered.iter().any(|one| subject(&one.call) == Some(what))
    }

    /// It was sent, so it may be done whatever comes back. Answers what was excused before, for [`Self::taken_back`].
    pub fn sent(&mut self, call: &Call) -> Option<Excuse> {
        self.calls += 1;
        let id = subject(call)?;
        let before = self.excuses.get(id).copied().unwrap_or_default();
        match call {
            Call::Stop { .. } => self.excuse(id).off = true,
            Call::Terminate { .. } => self.excuse(id).end = true,
            Call::Start { .. } => self.excuse(id).boots += 1,
            Call::Reboot { .. } => {
                let excuse = self.excuse(id);
                (excuse.boots, excuse.reboots) = (excuse.boots + 1, excuse.reboots + 1);
            }
            _ => {}
        }
        Some(before)
    }

    /// It was refused, so nothing comes of it.
    pub fn taken_back(&mut self, call: &Call, before: Option<Excuse>) {
        if let (Some(id), Some(before)) = (subject(call), before) {
            self.excuses.insert(id.to_owned(), before);
        }
    }

    pub fn excuse(&mut self, id: &str) -> &mut Excuse {
        self.excuses.entry(id.to_owned()).or_default()
    }

    /// What may have happened to it on the host that it is on.
    pub fn excused(&self, id: &str, host_id: Option<&str>) -> Excuse {
        let excuse = self.excuses.get(id).copied().unwrap_or_default();
        Excuse { end: excuse.end || self.may_be_given_up(id, host_id), ..excuse }
    }

    /// An instance is seen to have ended, for this reason. Says whether somebody wanted that, or its host's failure.
    pub fn note_ended(&mut self, id: &str, host_id: &str, reason: &str) -> bool {
        let known = self.ended.contains(id);
        let given_up = reason == GIVEN_UP && self.may_be_given_up(id, Some(host_id));
        let wanted = known || given_up || self.excuses.get(id).is_some_and(|excuse| excuse.end);
        self.ended.insert(id.to_owned());
        wanted
    }

    /// Its agent died in the middle of something: what it had not written down it does again.
    pub fn agent_died(&mut self, id: &str) {
        let excuse = self.excuse(id);
        excuse.boots += usize::from(excuse.reboots > 0);
    }

    /// Its host could not do what it was told or is no more, or its guest would not live.
    pub fn may_be_given_up(&self, id: &str, host_id: Option<&str>) -> bool {
        host_id.is_some_and(|host_id| self.failed_hosts.contains(host_id)) || self.excuses.get(id).is_some_and(|excuse| excuse.failed)
    }

    /// The guest switched itself off.
    pub fn powered_off(&mut self, id: &str) {
        let Some(known) = self.instances.get_mut(id) else { return };
        known.powered_off = true;
        let ends = known.terminate_on_shutdown;
        let excuse = self.excuse(id);
        (excuse.off, excuse.end) = (true, excuse.end || ends);
    }

    /// It was accepted. An error says that the same token gave other instances than before.
    pub fn accepted(&mut self, account: usize, call: &Call, answer: &Answer) -> Result<(), String> {
        match call {
            Call::Run { token, terminate_on_shutdown, tag, .. } => {
                let before = self.tokens.entry(token.clone()).or_insert_with(|| answer.instance_ids.clone());
                if *before != answer.instance_ids {
                    return Err(format!("the token {token} gave {before:?} and then {:?}", answer.instance_ids));
                }
                for id in &answer.instance_ids {
                    self.instances.entry(id.clone()).or_insert_with(|| Known {
                        account,
                        asked: Asked::Running,
                        terminate_on_shutdown: *terminate_on_shutdown,
                        tag: tag.clone(),
                        powered_off: false,
                    });
                }
            }
            Call::OpenPort { port, .. } => _ = self.ports.insert((account, *port), true),
            Call::ClosePort { port, .. } => _ = self.ports.insert((account, *port), false),
            _ => self.noted(call, answer),
        }
        Ok(())
    }

    fn noted(&mut self, call: &Call, answer: &Answer) {
        let Some(id) = subject(call) else { return };
        let Some(known) = self.instances.get_mut(id) else { return };
        match call {
            Call::Stop { .. } => known.asked = Asked::Stopped,
            Call::Start { .. } => {
                known.asked = Asked::Running;
                match answer.previous.as_deref() {
                    // Whatever was to stop it has done so.
                    Some("stopped") => {
                        known.powered_off = false;
                        self.excuses.entry(id.to_owned()).or_default().off = false;
                    }
                    // It was not started by this.
                    _ => self.excuses.entry(id.to_owned()).or_default().boots -= 1,
                }
            }
            Call::Terminate { .. } => known.asked = Asked::Terminated,
            Call::Tag { value, .. } => known.tag = Some(value.clone()),
            Call::Untag { .. } => known.tag = None,
            _ => {}
        }
    }
}

/// What a request is about.
pub fn subject(call: &Call) -> Option<&str> {
    match call {
        Call::Stop { id, .. }
        | Call::Start { id }
        | Call::Reboot { id }
        | Call::Terminate { id }
        | Call::Tag { id, .. }
        | Call::Untag { id } => Some(id),
        Call::OpenPort { group, .. } | Call::ClosePort { group, .. } => Some(group),
        Call::Run { .. } | Call::Describe => None,
    }
}
