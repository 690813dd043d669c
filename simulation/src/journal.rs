//! What the clients know: what they asked, what was answered, and what follows from it. The measure of everything else, kept apart from the
//! product.

use std::collections::BTreeMap;

use crate::call::{Answer, Call};

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
    /// The guest died by itself. One that does so again and again is given up.
    pub died: bool,
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
    /// A host could not do what it was told: a launch may have been given up.
    pub hosts_failed: bool,
    pub calls: usize,
    pub launches: usize,
}

impl Journal {
    /// Whether the client may ask something of this now.
    pub fn is_free(&self, what: &str) -> bool {
        !self.unanswered.iter().any(|one| subject(&one.call) == Some(what))
    }

    /// It was sent, so it may be done whatever comes back.
    pub fn sent(&mut self, call: &Call) {
        self.calls += 1;
        let Some(id) = subject(call) else { return };
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
    }

    pub fn excuse(&mut self, id: &str) -> &mut Excuse {
        self.excuses.entry(id.to_owned()).or_default()
    }

    /// What may have happened to it.
    pub fn excused(&self, id: &str) -> Excuse {
        let excuse = self.excuses.get(id).copied().unwrap_or_default();
        Excuse { end: excuse.end || self.may_be_given_up(id), ..excuse }
    }

    /// Its agent died in the middle of something: what it had not written down it does again.
    pub fn agent_died(&mut self, id: &str) {
        let excuse = self.excuse(id);
        excuse.boots += usize::from(excuse.reboots > 0);
    }

    /// Its host could not do what it was told, or its guest would not live.
    pub fn may_be_given_up(&self, id: &str) -> bool {
        self.hosts_failed || self.excuses.get(id).is_some_and(|excuse| excuse.died)
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
                    Some("stopped") => known.powered_off = false,
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
        Call::Run { .. } => None,
    }
}
