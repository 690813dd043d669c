//! Makes of each instance what it should be. Takes no input: it reads plan, record and guest anew, does the next thing, and states what
//! it saw. Woken by whoever has news and by a timer; running it once more changes nothing.

mod attempts;
mod burial;
mod instance;
mod queue;
mod record;
mod resets;
mod step;

use std::collections::BTreeMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use freehold_proto::clock::Clock;
use futures_util::FutureExt;
use tokio::task::JoinSet;
use tracing::Instrument;

pub use burial::Burials;
pub use queue::Queue;

use crate::causes::Causes;
use crate::durable::{Disk, DurableError};
use crate::hypervisor::{DriverError, Hypervisor};
use crate::metrics::Metrics;
use crate::observations::Observations;
use crate::plan::Plan;
use crate::ports::Ports;
use attempts::Attempts;
use record::Records;
use resets::Resets;

/// Looks that may go on at once. Most of a look is waiting for a disk or a process.
const WORKERS: usize = 32;

/// What the reconciler works on; shared with the session.
#[derive(Clone)]
pub struct Surroundings {
    pub plan: Arc<Plan>,
    pub drivers: BTreeMap<String, Arc<dyn Hypervisor>>,
    pub ports: Arc<dyn Ports>,
    pub observations: Arc<Observations>,
    pub burials: Arc<Burials>,
    pub queue: Queue,
    pub clock: Arc<dyn Clock>,
    /// How long a guest may take to shut down before its power is taken away.
    pub stop_timeout: Duration,
    pub causes: Arc<Causes>,
    pub metrics: Arc<Metrics>,
}

pub struct Reconciler {
    around: Surroundings,
    records: Records,
    attempts: Attempts,
    resets: Resets,
}

impl Reconciler {
    pub fn open(around: Surroundings, disk: Disk, records: &Path) -> Result<Arc<Self>, DurableError> {
        let (attempts, resets) = (Attempts::default(), Resets::default());
        Ok(Arc::new(Self { around, records: Records::open(disk, records)?, attempts, resets }))
    }

    /// Looks at everything once, and then at whatever is woken, until `shutdown`.
    pub async fn run(self: Arc<Self>, shutdown: impl Future<Output = ()> + Send) -> Result<(), DriverError> {
        self.begin().await?;
        let mut workers = JoinSet::new();
        for _ in 0..WORKERS {
            workers.spawn(Arc::clone(&self).work());
        }
        shutdown.await;
        // Whatever a worker was doing is found half done and finished by the next start, as after a crash.
        workers.shutdown().await;
        Ok(())
    }

    /// Everything that is here is to be looked at once.
    pub async fn begin(&self) -> Result<(), DriverError> {
        for driver in self.around.drivers.values() {
            for id in driver.held().await? {
                self.around.plan.held(&id);
            }
        }
        let held = self.around.plan.instance_ids();
        self.around.observations.expect(held.clone());
        for id in &held {
            self.around.queue.wake(id);
        }
        Ok(())
    }

    async fn work(self: Arc<Self>) {
        loop {
            let id = self.around.queue.next().await;
            self.look(&id).await;
        }
    }

    /// One look at what the queue gave.
    pub async fn look(self: &Arc<Self>, instance_id: &str) {
        let began = Instant::now();
        let request_id = self.around.causes.of(instance_id);
        let span = tracing::info_span!("instance", instance_id, request_id);
        freehold_link::trace::join(&span, &request_id);
        let again = unbroken(instance_id, self.reconcile(instance_id).instrument(span)).await;
        self.around.metrics.looked(began);
        self.around.observations.looked_at(instance_id);
        self.around.queue.done(instance_id, again);
    }

    /// Runs what may block on the disk where blocking is allowed.
    async fn on_disk<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, DurableError> + Send + 'static,
    ) -> Result<T, DriverError> {
        let this = Arc::clone(self);
        match tokio::task::spawn_blocking(move || work(&this)).await {
            Ok(done) => Ok(done?),
            Err(error) => Err(DriverError::because(crate::hypervisor::FaultCode::Host, "a disk task was cut off", error)),
        }
    }
}

/// A look that panics is a fault of ours, and is over; the worker and the instance are there for the next one.
async fn unbroken(instance_id: &str, look: impl Future<Output = Option<Duration>>) -> Option<Duration> {
    AssertUnwindSafe(look).catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!(instance_id, "a look at an instance was cut off by a panic, which is a fault of this program");
        Some(attempts::SLOWEST_RETRY)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_look_that_panics_is_followed_by_another() {
        assert_eq!(unbroken("i-a", async { panic!("a fault of ours") }).await, Some(attempts::SLOWEST_RETRY));
        assert_eq!(unbroken("i-a", async { None }).await, None);
    }
}
