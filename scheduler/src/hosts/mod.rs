//! The hosts: their sessions, what they are told and what they report.
//!
//! ```text
//!   agent ── Hello ──▶ service ──▶ session ─┬─ desired:  rows ──▶ messages, whole on connect, then whatever changed
//!                                           ├─ elsewhere: the World ──▶ interfaces and public addresses on other hosts, once, then each that changed
//!                                           ├─ observed: reports ──▶ rows, through lifecycle::step, fenced by generation
//!                                           ├─ grants:   leave to fetch the images of what is desired, on other machines
//!                                           ├─ bury:     tombstones until Buried
//!                                           ├─ console:  questions that wait for an answer
//!                                           └─ relay:    the same, of a scheduler that the host does not attend
//! ```
//!
//! Holds no truth: a session that ends loses nothing, the next one states everything again. The newest session of a host is the one
//! that counts, also where it is another scheduler's: the host's row names that, and the session before it ends.

mod acls;
mod bury;
mod causes;
mod console;
pub(crate) mod desired;
pub(crate) mod elsewhere;
pub(crate) mod gateways;
pub(crate) mod grants;
mod hello;
mod lists;
mod observed;
mod presence;
mod relay;
mod routes;
mod rules;
mod seat;
mod service;
mod session;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use freehold_proto::id::request_id;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

pub use causes::Causes;
pub use console::Console;
pub use presence::write_down_who_left;
pub use seat::Seat;
pub use service::HostsService;
pub use session::{Attendance, End};

use crate::store::Store;

/// The driver whose guests are bookkeeping and send no packets.
pub const SIMULATED: &str = "simulated";

/// A way to run guests that a host offers, as the host's row keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Driver {
    /// "qemu", "simulated"
    pub name: String,
    /// "kvm", "tcg", "none"
    pub accelerator: String,
    /// EC2's word: "x86_64", "arm64"
    pub architecture: String,
}

/// The registry of the hosts that attend this scheduler.
pub struct Hosts {
    /// Drawn at its start: what the rows of these hosts call it.
    scheduler_id: String,
    store: Arc<Store>,
    sessions: Mutex<Sessions>,
    console: Console,
    causes: Causes,
}

#[derive(Default)]
struct Sessions {
    closed: bool,
    newest: u64,
    by_host: HashMap<String, Attending>,
}

/// A session as the rest of the scheduler reaches it.
struct Attending {
    serial: u64,
    questions: mpsc::Sender<console::Question>,
    since: Instant,
}

/// Questions that a session may have waiting; more are refused.
const QUESTIONS: usize = 64;

impl Hosts {
    pub fn new(store: Arc<Store>) -> Self {
        let scheduler_id = request_id(store.entropy());
        Self::named(&scheduler_id, store)
    }

    pub(crate) fn named(scheduler_id: &str, store: Arc<Store>) -> Self {
        Self {
            scheduler_id: scheduler_id.to_owned(),
            store,
            sessions: Mutex::default(),
            console: Console::default(),
            causes: Causes::default(),
        }
    }

    pub fn scheduler_id(&self) -> &str {
        &self.scheduler_id
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new session of `host_id`. The one before it, if any, sees its questions end and ends too. None once the scheduler stops.
    fn enter(self: &Arc<Self>, host_id: &str) -> Option<(Seat, mpsc::Receiver<console::Question>)> {
        let (questions, receiver) = mpsc::channel(QUESTIONS);
        let mut sessions = self.sessions();
        if sessions.closed {
            return None;
        }
        sessions.newest += 1;
        let serial = sessions.newest;
        sessions.by_host.insert(host_id.to_owned(), Attending { serial, questions, since: Instant::now() });
        Some((Seat::new(Arc::clone(self), host_id.to_owned(), serial), receiver))
    }

    /// Ends all sessions: the agents dial again.
    pub fn hang_up(&self) {
        self.sessions().by_host.clear();
    }

    /// Ends all sessions and lets no new one in: a stream that never ends would hold up the server's shutdown.
    pub fn close(&self) {
        let mut sessions = self.sessions();
        sessions.closed = true;
        sessions.by_host.clear();
    }

    /// Each attending host, and for how long it has been attending.
    pub fn attendance(&self) -> Vec<(String, Duration)> {
        self.sessions().by_host.iter().map(|(host_id, attending)| (host_id.clone(), attending.since.elapsed())).collect()
    }

    /// Which requests caused what hosts are told.
    pub fn causes(&self) -> &Causes {
        &self.causes
    }

    pub(crate) fn attends(&self, host_id: &str) -> bool {
        self.sessions().by_host.contains_key(host_id)
    }

    fn is_newest(&self, host_id: &str, serial: u64) -> bool {
        self.sessions().by_host.get(host_id).is_some_and(|attending| attending.serial == serial)
    }

    /// Whether this was the host's newest session, so that the host is gone with it.
    fn leave(&self, host_id: &str, serial: u64) -> bool {
        let mut sessions = self.sessions();
        let last = sessions.by_host.get(host_id).is_some_and(|attending| attending.serial == serial);
        if last {
            sessions.by_host.remove(host_id);
        }
        last
    }

    fn questions(&self, host_id: &str) -> Option<mpsc::Sender<console::Question>> {
        self.sessions().by_host.get(host_id).map(|attending| attending.questions.clone())
    }
}
