//! How what repeats itself fares: when it last succeeded, and since when and why it does not.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use freehold_link::metrics::{Counters, Family, Labels, Measure, Registry, Unit};

/// One kind of work. Times are milliseconds since the epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fare {
    pub last_success: Option<i64>,
    /// The first of the failures that no success has ended.
    pub failing_since: Option<i64>,
    /// What the last failure said.
    pub error: String,
}

/// All kinds of work by name.
#[derive(Debug, Default)]
pub struct Fares {
    by_name: Mutex<BTreeMap<&'static str, Fare>>,
    failures: Counters<1>,
    last_success: Family<Labels<1>, Measure>,
}

impl Fares {
    pub fn succeeded(&self, name: &'static str, now: i64) {
        let mut fares = self.lock();
        let fare = fares.entry(name).or_default();
        *fare = Fare { last_success: Some(now), ..Fare::default() };
        drop(fares);
        // A count that is not there before the first failure could not be seen to rise.
        drop(self.failures.get_or_create(&[("work", name)]));
        self.last_success.get_or_create(&[("work", name)]).set(seconds(now));
    }

    pub fn failed(&self, name: &'static str, now: i64, error: &str) {
        let mut fares = self.lock();
        let fare = fares.entry(name).or_default();
        fare.failing_since.get_or_insert(now);
        error.clone_into(&mut fare.error);
        drop(fares);
        self.failures.get_or_create(&[("work", name)]).inc();
    }

    /// What does not succeed at present.
    pub fn failing(&self) -> Vec<(&'static str, Fare)> {
        self.lock().iter().filter(|(_, fare)| fare.failing_since.is_some()).map(|(name, fare)| (*name, fare.clone())).collect()
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("work_failures", "Failures of what is tried again by itself", self.failures.clone());
        let help = "When it last succeeded, since the epoch: a reconciler's pass, a commit of the store's";
        registry.register_with_unit("work_last_success_timestamp", help, Unit::Seconds, self.last_success.clone());
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Fare>> {
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Milliseconds as seconds.
#[expect(clippy::cast_precision_loss, reason = "times until the year 287396 are exact")]
pub(super) fn seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}
