//! What the scheduler counts, and how its own work fares: the store's turns, the reconcilers' passes, the actions' latencies. What is in
//! rows is looked up when somebody reads the metrics (`census`).
//!
//! One per store. The same figures answer `freehold status`: since when something fails, and with which words.

mod census;
mod fares;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use freehold_link::metrics::{Counter, Counters, Histogram, Latencies, Part, Registry, Unit, latencies, latency};
use freehold_proto::clock::Clock;
use sea_orm::DbErr;

use crate::store::{Failure, Store};
use census::Census;
pub use fares::{Fare, Fares};

/// Everything that this scheduler counts.
#[derive(Debug)]
pub struct Metrics {
    actions: Latencies<2>,
    waits: Histogram,
    transactions: Latencies<1>,
    changes: Counter,
    passes: Latencies<2>,
    lags: Latencies<1>,
    done: Counters<1>,
    /// By reconciler, and the store's writing under [`STORE`].
    fares: Fares,
    /// By host, in milliseconds: how far its clock was ahead when it came last.
    skews: Mutex<BTreeMap<String, i64>>,
    census: Census,
}

/// How the store's transactions fare.
pub const STORE: &str = "store";

impl Default for Metrics {
    fn default() -> Self {
        Self {
            actions: latencies(),
            waits: latency(),
            transactions: latencies(),
            changes: Counter::default(),
            passes: latencies(),
            lags: latencies(),
            done: Counters::default(),
            fares: Fares::default(),
            skews: Mutex::default(),
            census: Census::default(),
        }
    }
}

impl Metrics {
    /// One action, with "ok" or AWS's code.
    pub fn acted(&self, action: &'static str, code: &'static str, since: Instant) {
        self.actions.get_or_create(&[("action", action), ("code", code)]).observe(since.elapsed().as_secs_f64());
    }

    /// One pass of a reconciler, which something made due at `woken_at`.
    pub fn reconciled(&self, reconciler: &'static str, outcome: Result<&usize, &Failure>, woken_at: Instant, now: i64) {
        let labels = [("reconciler", reconciler)];
        let end = if outcome.is_ok() { "done" } else { "failed" };
        let seconds = woken_at.elapsed().as_secs_f64();
        self.passes.get_or_create(&[("reconciler", reconciler), ("end", end)]).observe(seconds);
        match outcome {
            Ok(count) => {
                self.lags.get_or_create(&labels).observe(seconds);
                self.done.get_or_create(&labels).inc_by(*count as u64);
                self.fares.succeeded(reconciler, now);
            }
            Err(failure) => self.fares.failed(reconciler, now, &chain(failure)),
        }
    }

    /// Begins to wait for the writer's turn.
    pub fn wait(self: &Arc<Self>, clock: &dyn Clock) -> Waiting {
        Waiting { metrics: Arc::clone(self), since: Instant::now(), now: clock.now_millis() }
    }

    /// A host has come, with its clock so far ahead of ours.
    pub fn came(&self, host_id: &str, skew_millis: Option<i64>) {
        let mut skews = self.skews.lock().unwrap_or_else(PoisonError::into_inner);
        match skew_millis {
            Some(skew) => _ = skews.insert(host_id.to_owned(), skew),
            None => _ = skews.remove(host_id),
        }
    }

    /// How far a host's clock was ahead of ours when it came last, in milliseconds, if it said.
    pub fn skew(&self, host_id: &str) -> Option<i64> {
        self.skews.lock().unwrap_or_else(PoisonError::into_inner).get(host_id).copied()
    }

    /// How the store and the reconcilers fare.
    pub fn fares(&self) -> &Fares {
        &self.fares
    }

    /// All of it, with what `store` and `hosts` hold when it is read.
    pub fn part(store: &Arc<Store>, hosts: &Arc<crate::hosts::Hosts>) -> Part {
        let metrics = Arc::clone(store.metrics());
        let mut registry = Registry::with_prefix("freehold_scheduler");
        registry.register_with_unit("action", "From an action's arrival to its answer", Unit::Seconds, metrics.actions.clone());
        registry.register_with_unit("store_wait", "Waiting for the writer's turn", Unit::Seconds, metrics.waits.clone());
        registry.register_with_unit("store_transaction", "From the turn to the end", Unit::Seconds, metrics.transactions.clone());
        registry.register("store_changes", "Changed rows that followers were told of", metrics.changes.clone());
        registry.register_with_unit("reconcile", "Passes of reconcilers, by how they ended", Unit::Seconds, metrics.passes.clone());
        let help = "From what made a pass due to its being done";
        registry.register_with_unit("reconcile_lag", help, Unit::Seconds, metrics.lags.clone());
        registry.register("reconcile_steps", "What reconcilers found due and did", metrics.done.clone());
        metrics.fares.register(&mut registry);
        metrics.census.register(&mut registry);
        let (store, hosts) = (Arc::clone(store), Arc::clone(hosts));
        Part::new(registry).refreshed(move || {
            let (store, hosts) = (Arc::clone(&store), Arc::clone(&hosts));
            async move { store.metrics().census.take(&store, &hosts).await }
        })
    }
}

/// A failure with what lies behind it.
pub(crate) fn chain(failure: &Failure) -> String {
    let mut text = failure.to_string();
    let mut next = std::error::Error::source(failure);
    while let Some(error) = next {
        text = format!("{text}: {error}");
        next = error.source();
    }
    text
}

/// Somebody waits for the writer's turn.
pub struct Waiting {
    metrics: Arc<Metrics>,
    since: Instant,
    now: i64,
}

impl Waiting {
    /// The turn has come, or will not.
    pub fn over(self, failed: Option<&DbErr>) -> Turn {
        let Self { metrics, since, now } = self;
        metrics.waits.observe(since.elapsed().as_secs_f64());
        let end = if let Some(error) = failed {
            metrics.fares.failed(STORE, now, &error.to_string());
            "refused"
        } else {
            "rolled_back"
        };
        Turn { metrics, since: Instant::now(), now, end }
    }
}

/// A transaction under way. Dropped, it has ended: rolled back unless it was committed.
pub struct Turn {
    metrics: Arc<Metrics>,
    since: Instant,
    now: i64,
    end: &'static str,
}

impl Turn {
    /// The commit has returned.
    pub fn committed(&mut self, failed: Option<&DbErr>) {
        match failed {
            None => {
                self.metrics.fares.succeeded(STORE, self.now);
                self.end = "committed";
            }
            Some(error) => {
                self.metrics.fares.failed(STORE, self.now, &error.to_string());
                self.end = "failed";
            }
        }
    }

    /// So many changes were told.
    pub fn told(&self, changes: usize) {
        self.metrics.changes.inc_by(changes as u64);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.metrics.transactions.get_or_create(&[("end", self.end)]).observe(self.since.elapsed().as_secs_f64());
    }
}
