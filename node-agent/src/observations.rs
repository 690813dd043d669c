//! What this host observes of its instances, kept for whoever reports it: newest statement per instance, in the order they changed.
//!
//! A follower that was away, or is slower than the changes, gets each instance's newest statement once, so nothing queues up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use freehold_proto::internal::host::{GuestState, InstanceObserved};
use tokio::sync::watch;

/// The states that are counted, as operators read them.
const STATES: [(GuestState, &str); 6] = [
    (GuestState::Preparing, "preparing"),
    (GuestState::Running, "running"),
    (GuestState::Stopping, "stopping"),
    (GuestState::Stopped, "stopped"),
    (GuestState::Impaired, "impaired"),
    (GuestState::Quarantined, "quarantined"),
];

#[derive(Debug, Default)]
struct State {
    last: u64,
    by_instance: BTreeMap<String, (u64, Arc<InstanceObserved>)>,
    by_change: BTreeMap<u64, String>,
    /// Instances that nobody has looked at since this agent started; `None` until it is known which there are.
    unseen: Option<BTreeSet<String>>,
}

#[derive(Debug)]
pub struct Observations {
    state: Mutex<State>,
    changed: watch::Sender<u64>,
}

impl Default for Observations {
    fn default() -> Self {
        Self { state: Mutex::default(), changed: watch::channel(0).0 }
    }
}

impl Observations {
    /// States an instance. `since` stays what it was while the state does; saying the same twice is no change.
    pub fn state(&self, mut observed: InstanceObserved) {
        let mut state = self.lock();
        if let Some((at, before)) = state.by_instance.get(&observed.instance_id) {
            if before.state == observed.state && before.since.is_some() {
                observed.since = before.since;
            }
            if **before == observed {
                return;
            }
            let at = *at;
            state.by_change.remove(&at);
        }
        state.last += 1;
        let last = state.last;
        state.by_change.insert(last, observed.instance_id.clone());
        state.by_instance.insert(observed.instance_id.clone(), (last, Arc::new(observed)));
        drop(state);
        self.changed.send_replace(last);
    }

    /// These are on the host and will be looked at.
    pub fn expect(&self, instance_ids: BTreeSet<String>) {
        self.lock().unseen = Some(instance_ids);
        self.changed.send_modify(|_| {});
    }

    pub fn looked_at(&self, instance_id: &str) {
        let mut state = self.lock();
        let Some(unseen) = state.unseen.as_mut() else { return };
        if unseen.remove(instance_id) && unseen.is_empty() {
            drop(state);
            self.changed.send_modify(|_| {});
        }
    }

    /// Whether everything on this host was looked at since this agent started, so that what is not stated is not there.
    pub fn complete(&self) -> bool {
        self.lock().unseen.as_ref().is_some_and(BTreeSet::is_empty)
    }

    /// Nothing of the instance is left to observe.
    pub fn forget(&self, instance_id: &str) {
        let mut state = self.lock();
        if let Some((at, _)) = state.by_instance.remove(instance_id) {
            state.by_change.remove(&at);
        }
    }

    pub fn get(&self, instance_id: &str) -> Option<Arc<InstanceObserved>> {
        self.lock().by_instance.get(instance_id).map(|(_, observed)| Arc::clone(observed))
    }

    /// Up to `limit` statements after change `after`, oldest first, and the change to go on from.
    pub fn after(&self, after: u64, limit: usize) -> (Vec<Arc<InstanceObserved>>, u64) {
        let state = self.lock();
        let mut last = after;
        let statements = state
            .by_change
            .range(after.saturating_add(1)..)
            .take(limit)
            .filter_map(|(at, id)| {
                last = *at;
                state.by_instance.get(id).map(|(_, observed)| Arc::clone(observed))
            })
            .collect();
        (statements, last)
    }

    /// How many instances there are in each state.
    pub fn by_state(&self) -> Vec<(&'static str, usize)> {
        let state = self.lock();
        let of = |wanted: GuestState| state.by_instance.values().filter(|(_, observed)| observed.state() == wanted).count();
        STATES.iter().map(|(wanted, name)| (*name, of(*wanted))).collect()
    }

    /// Wakes when something changed.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observed(id: &str, state: GuestState) -> InstanceObserved {
        InstanceObserved { instance_id: id.to_owned(), state: state.into(), ..InstanceObserved::default() }
    }

    #[test]
    fn a_slow_follower_gets_the_newest_statement_of_each_instance_once() {
        let observations = Observations::default();
        observations.state(observed("i-a", GuestState::Preparing));
        observations.state(observed("i-b", GuestState::Preparing));
        observations.state(observed("i-a", GuestState::Running));
        let (statements, last) = observations.after(0, 10);
        let seen: Vec<_> = statements.iter().map(|one| (one.instance_id.as_str(), one.state())).collect();
        assert_eq!(seen, [("i-b", GuestState::Preparing), ("i-a", GuestState::Running)]);
        assert!(observations.after(last, 10).0.is_empty());
    }

    #[test]
    fn a_statement_is_complete_when_every_instance_was_looked_at() {
        let observations = Observations::default();
        assert!(!observations.complete());
        observations.expect(BTreeSet::from(["i-a".to_owned()]));
        assert!(!observations.complete());
        observations.looked_at("i-a");
        assert!(observations.complete());
    }

    #[test]
    fn saying_the_same_twice_is_no_change_and_since_is_the_first_time() {
        let observations = Observations::default();
        let mut first = observed("i-a", GuestState::Running);
        first.since = Some(prost_types::Timestamp { seconds: 1, nanos: 0 });
        let mut second = first.clone();
        second.since = Some(prost_types::Timestamp { seconds: 2, nanos: 0 });
        observations.state(first.clone());
        let (_, last) = observations.after(0, 10);
        observations.state(second);
        assert_eq!(observations.after(last, 10).1, last);
        assert_eq!(observations.get("i-a").unwrap().since, first.since);
    }
}
