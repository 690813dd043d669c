//! The hosts: their sessions, what they are told and what they report.
//!
//! ```text
//!   agent ── Hello ──▶ service ──▶ session ─┬─ desired:  rows ──▶ messages, whole on connect, then whatever changed
//!                                           ├─ observed: reports ──▶ rows, through lifecycle::step, fenced by generation
//!                                           ├─ grants:   leave to fetch the images of what is desired, on other machines
//!                                           ├─ bury:     tombstones until Buried
//!                                           └─ console:  questions that wait for an answer
//! ```
//!
//! Holds no truth: a session that ends loses nothing, the next one states everything again. The newest session of a host is the one
//! that counts.

mod bury;
mod causes;
mod console;
mod desired;
pub(crate) mod grants;
mod observed;
mod presence;
mod service;
mod session;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

pub use causes::Causes;
pub use console::Console;
pub use presence::forget_connections;
pub use service::HostsService;
pub use session::{Attendance, End};

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

/// The registry of attending hosts.
#[derive(Default)]
pub struct Hosts {
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
    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new session of `host_id`. The one before it, if any, sees its questions end and ends too. None once the scheduler stops.
    fn enter(&self, host_id: &str) -> Option<(u64, mpsc::Receiver<console::Question>)> {
        let (questions, receiver) = mpsc::channel(QUESTIONS);
        let mut sessions = self.sessions();
        if sessions.closed {
            return None;
        }
        sessions.newest += 1;
        let serial = sessions.newest;
        sessions.by_host.insert(host_id.to_owned(), Attending { serial, questions, since: Instant::now() });
        Some((serial, receiver))
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

    fn attends(&self, host_id: &str) -> bool {
        self.sessions().by_host.contains_key(host_id)
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
