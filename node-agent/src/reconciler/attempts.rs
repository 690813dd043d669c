//! How often in a row an instance could not be made what it should be, and how long to wait before the next try.
//!
//! A launch has succeeded when its guest has lived for [`STEADY`]: one whose process ends before that, unasked, failed like one that never
//! came up. Else a guest that dies at once would be started again for ever, at full speed, and called *running* in between.
//!
//! Times are the clock's monotonic ones. Kept in memory: an agent that starts anew gives everything another chance.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A failure that may pass by itself is reported as a fault from this attempt on.
pub const PATIENCE: u32 = 3;

/// A guest that lived so long was launched well.
const STEADY: Duration = Duration::from_mins(1);

/// A failed instance is looked at again after 1, 2, 4 … seconds, at most this.
pub const SLOWEST_RETRY: Duration = Duration::from_mins(1);

#[derive(Debug, Default)]
struct Attempt {
    failures: u32,
    /// As many of them were guests that came up and did not live.
    deaths: u32,
    /// Of the guest that should be running now.
    started: Option<Duration>,
    /// After an early death.
    not_before: Option<Duration>,
}

#[derive(Debug, Default)]
pub struct Attempts(Mutex<BTreeMap<String, Attempt>>);

impl Attempts {
    /// Another failure; how many in a row that makes.
    pub fn failed(&self, instance_id: &str) -> u32 {
        let mut attempts = self.lock();
        let attempt = attempts.entry(instance_id.to_owned()).or_default();
        attempt.failures = attempt.failures.saturating_add(1);
        attempt.failures
    }

    pub fn failures(&self, instance_id: &str) -> u32 {
        self.lock().get(instance_id).map_or(0, |attempt| attempt.failures)
    }

    /// All is well, or nothing is wanted: the next failure is the first.
    pub fn succeeded(&self, instance_id: &str) {
        self.lock().remove(instance_id);
    }

    pub fn started(&self, instance_id: &str, now: Duration) {
        let mut attempts = self.lock();
        let attempt = attempts.entry(instance_id.to_owned()).or_default();
        attempt.started = Some(now);
        attempt.not_before = None;
    }

    /// It runs: whatever kept it from that is over, but for what may happen again.
    pub fn came_up(&self, instance_id: &str) {
        if let Some(attempt) = self.lock().get_mut(instance_id) {
            attempt.failures = attempt.failures.min(attempt.deaths);
        }
    }

    /// Its power is taken away: that is no failure of the guest's.
    pub fn ending(&self, instance_id: &str) {
        if let Some(attempt) = self.lock().get_mut(instance_id) {
            attempt.started = None;
        }
    }

    /// Whether the guest that was started has proved itself; also one that was started by an agent before this one.
    pub fn steady(&self, instance_id: &str, now: Duration) -> bool {
        let started = self.lock().get(instance_id).and_then(|attempt| attempt.started);
        started.is_none_or(|started| now.saturating_sub(started) >= STEADY)
    }

    /// The guest is off and should not be: how long it lived, if that was too short. Tells it once, and holds the next start back.
    pub fn died_early(&self, instance_id: &str, now: Duration) -> Option<Duration> {
        let mut attempts = self.lock();
        let attempt = attempts.get_mut(instance_id)?;
        let lived = now.saturating_sub(attempt.started.take()?);
        let early = lived < STEADY;
        if early {
            attempt.deaths = attempt.deaths.saturating_add(1);
            attempt.not_before = Some(now + retry_after(attempt.failures.saturating_add(1)));
        }
        early.then_some(lived)
    }

    /// How long a start still has to wait, whoever asks for it.
    pub fn held_back(&self, instance_id: &str, now: Duration) -> Option<Duration> {
        let not_before = self.lock().get(instance_id)?.not_before?;
        not_before.checked_sub(now).filter(|wait| !wait.is_zero())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Attempt>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub fn retry_after(failures: u32) -> Duration {
    Duration::from_secs(1 << failures.saturating_sub(1).min(6)).min(SLOWEST_RETRY)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "i-0123456789abcdef0";
    const BEGINNING: Duration = Duration::from_hours(1);

    #[test]
    fn a_guest_that_dies_at_once_is_started_ever_more_seldom() {
        let attempts = Attempts::default();
        let mut now = BEGINNING;
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            attempts.started(ID, now);
            assert_eq!(attempts.held_back(ID, now), None);
            now += Duration::from_secs(3);
            assert_eq!(attempts.died_early(ID, now), Some(Duration::from_secs(3)));
            attempts.failed(ID);
            assert_eq!(attempts.died_early(ID, now), None, "it is told once");
            let wait = Duration::from_secs(seconds);
            assert_eq!(attempts.held_back(ID, now), Some(wait));
            now += wait;
            assert_eq!(attempts.held_back(ID, now), None);
        }
        assert!(attempts.failures(ID) > PATIENCE);
    }

    #[test]
    fn a_guest_that_lived_a_minute_is_started_again_at_once() {
        let attempts = Attempts::default();
        let now = BEGINNING;
        attempts.started(ID, now);
        assert!(!attempts.steady(ID, now + STEADY / 2));
        let later = now + STEADY;
        assert!(attempts.steady(ID, later));
        assert_eq!((attempts.died_early(ID, later), attempts.held_back(ID, later)), (None, None));
    }

    #[test]
    fn a_guest_that_runs_is_not_held_to_what_kept_it_from_running() {
        let attempts = Attempts::default();
        for _ in 0..PATIENCE {
            attempts.failed(ID);
        }
        let now = BEGINNING;
        attempts.started(ID, now);
        attempts.came_up(ID);
        assert_eq!(attempts.failures(ID), 0);
        attempts.died_early(ID, now);
        attempts.failed(ID);
        attempts.started(ID, now);
        attempts.came_up(ID);
        assert_eq!(attempts.failures(ID), 1, "but to its deaths");
    }

    #[test]
    fn a_guest_whose_power_was_taken_did_not_die() {
        let attempts = Attempts::default();
        let now = BEGINNING;
        attempts.started(ID, now);
        attempts.ending(ID);
        assert_eq!(attempts.died_early(ID, now), None);
        assert!(attempts.steady("i-of-an-agent-before-this-one", now));
    }
}
