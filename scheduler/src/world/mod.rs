//! The World: what exists, in memory, behind every Describe.
//!
//! ```text
//!   command ── commit ──▶ store ── feed ──▶ applier ──▶ World ──▶ queries
//!                                              └─ after that ──▶ followers: sessions, reconcilers, day keys
//! ```
//!
//! It mirrors rows, each table in the order of its keys, with the indexes that views need: what a query costs follows what it answers and
//! not the size of the cloud. Loaded from one snapshot, then changed by one applier alone, which reads the feed and the rows that it names
//! in one snapshot and applies them under one lock. So the World is always the store at some moment, never between two.
//!
//! A query reads what was committed before it began: it first waits ([`World::caught_up`]) for a round of the applier that began later. A
//! store that only this process writes to needs no such round where nothing was committed since the last; one that others write to needs
//! one always, which all that wait at the same time share.
//!
//! Decides nothing: a command asks the rows in its own transaction.

mod applier;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use freehold_proto::Fault;
use tokio::sync::{Notify, watch};

pub use applier::Applier;

use crate::store::Rows;

/// How long a query waits for the World before it is told to come again.
const PATIENCE: Duration = Duration::from_secs(5);

/// The read model. One per process.
#[derive(Debug)]
pub struct World {
    rows: RwLock<Rows>,
    /// The number of the last change that is in it.
    sequence: AtomicI64,
    /// Rounds of the applier that somebody has asked for, and the last that is over.
    asked: AtomicU64,
    done: watch::Sender<u64>,
    wake: Notify,
    /// Whether the store could be asked lately.
    reached: watch::Sender<bool>,
    /// Whether other processes write to the store.
    shared: bool,
}

impl World {
    fn new(rows: Rows, sequence: i64, shared: bool) -> Self {
        Self {
            rows: RwLock::new(rows),
            sequence: AtomicI64::new(sequence),
            asked: AtomicU64::new(0),
            done: watch::Sender::new(0),
            wake: Notify::new(),
            reached: watch::Sender::new(true),
            shared,
        }
    }

    /// What exists now. Not to be held for long: nothing is applied meanwhile.
    pub fn rows(&self) -> RwLockReadGuard<'_, Rows> {
        self.rows.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of the last change that is in it.
    pub fn sequence(&self) -> i64 {
        self.sequence.load(Ordering::Acquire)
    }

    /// Whether the store can be reached: false after a while in which nothing could be read of it.
    pub fn reached(&self) -> watch::Receiver<bool> {
        self.reached.subscribe()
    }

    /// A transaction of this process has been committed, or may have been.
    pub fn committed(&self) {
        self.ask();
    }

    fn ask(&self) -> u64 {
        let round = self.asked.fetch_add(1, Ordering::AcqRel) + 1;
        self.wake.notify_one();
        round
    }

    /// Waits until everything is in it that was committed before the call.
    pub async fn caught_up(&self) -> Result<(), Fault> {
        self.caught_up_within(PATIENCE).await
    }

    async fn caught_up_within(&self, patience: Duration) -> Result<(), Fault> {
        let round = if self.shared { self.ask() } else { self.asked.load(Ordering::Acquire) };
        let mut done = self.done.subscribe();
        let caught_up = done.wait_for(|done| *done >= round);
        match tokio::time::timeout(patience, caught_up).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Fault::unavailable("What exists can not be read just now. Retry your request.")),
        }
    }
}
