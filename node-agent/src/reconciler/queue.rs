//! Which instances are to be looked at: a set, so that a hundred wakes are one look, and one instance is never looked at twice at once.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

#[derive(Debug, Default)]
struct State {
    ready: VecDeque<String>,
    waiting: BTreeSet<String>,
    /// Being looked at.
    taken: BTreeSet<String>,
    /// Woken while being looked at.
    again: BTreeSet<String>,
    later: BTreeSet<(Instant, String)>,
    due: BTreeMap<String, Instant>,
    /// Wakes that come by themselves, also during a look.
    alarms: BTreeSet<(Instant, String)>,
}

/// Cheap to clone; drivers and the session hold one.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    state: Arc<Mutex<State>>,
    news: Arc<Notify>,
}

impl Queue {
    /// The instance is to be looked at soon.
    pub fn wake(&self, instance_id: &str) {
        self.lock().wake(instance_id);
        self.news.notify_one();
    }

    /// Something will have happened by itself by then.
    pub fn wake_after(&self, instance_id: &str, after: Duration) {
        self.lock().alarms.insert((Instant::now() + after, instance_id.to_owned()));
        self.news.notify_one();
    }

    /// What is to be looked at now, if anything; give it back with [`Self::done`].
    pub fn try_next(&self) -> Option<String> {
        self.lock().pop()
    }

    /// Everything that is to be looked at later is to be looked at now.
    pub fn hurry(&self) {
        let mut state = self.lock();
        while let Some((at, _)) = state.later.last().max(state.alarms.last()).cloned() {
            state.ripen(at);
        }
    }

    /// Waits for the next instance; give it back with [`Self::done`].
    pub async fn next(&self) -> String {
        loop {
            let due = {
                let mut state = self.lock();
                state.ripen(Instant::now());
                if let Some(id) = state.pop() {
                    if !state.ready.is_empty() {
                        self.news.notify_one();
                    }
                    return id;
                }
                state.next_by_itself()
            };
            let slept = async {
                match due {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.news.notified() => {}
                () = slept => {}
            }
        }
    }

    /// The look is over; another is due after `again`, or at once if it was woken meanwhile.
    pub fn done(&self, instance_id: &str, again: Option<Duration>) {
        let mut state = self.lock();
        state.taken.remove(instance_id);
        if state.again.remove(instance_id) {
            state.push(instance_id);
        } else if let Some(again) = again {
            let at = Instant::now() + again;
            state.due.insert(instance_id.to_owned(), at);
            state.later.insert((at, instance_id.to_owned()));
        }
        drop(state);
        self.news.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wake(&mut self, instance_id: &str) {
        if self.taken.contains(instance_id) {
            self.again.insert(instance_id.to_owned());
        } else {
            self.push(instance_id);
        }
    }

    fn next_by_itself(&self) -> Option<Instant> {
        self.later.first().into_iter().chain(self.alarms.first()).map(|(at, _)| *at).min()
    }

    fn push(&mut self, instance_id: &str) {
        if let Some(at) = self.due.remove(instance_id) {
            self.later.remove(&(at, instance_id.to_owned()));
        }
        if self.waiting.insert(instance_id.to_owned()) {
            self.ready.push_back(instance_id.to_owned());
        }
    }

    fn pop(&mut self) -> Option<String> {
        let id = self.ready.pop_front()?;
        self.waiting.remove(&id);
        self.taken.insert(id.clone());
        Some(id)
    }

    fn ripen(&mut self, now: Instant) {
        while let Some((at, id)) = self.later.first() {
            if *at > now {
                break;
            }
            let id = id.clone();
            self.push(&id);
        }
        while let Some((at, id)) = self.alarms.pop_first() {
            if at > now {
                self.alarms.insert((at, id));
                break;
            }
            self.wake(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn many_wakes_are_one_look_and_a_wake_during_a_look_is_another() {
        let queue = Queue::default();
        queue.wake("i-a");
        queue.wake("i-a");
        queue.wake("i-b");
        assert_eq!(queue.next().await, "i-a");
        queue.wake("i-a");
        assert_eq!(queue.next().await, "i-b");
        assert!(queue.lock().ready.is_empty(), "i-a is being looked at");
        queue.done("i-a", None);
        assert_eq!(queue.next().await, "i-a");
    }

    #[tokio::test]
    async fn a_later_look_comes_by_itself_and_a_wake_replaces_it() {
        let queue = Queue::default();
        queue.wake("i-a");
        assert_eq!(queue.next().await, "i-a");
        queue.done("i-a", Some(Duration::from_millis(1)));
        assert_eq!(queue.next().await, "i-a");
        queue.done("i-a", Some(Duration::from_mins(1)));
        queue.wake("i-a");
        assert_eq!(queue.next().await, "i-a");
        queue.done("i-a", None);
        assert!(queue.lock().later.is_empty());
    }

    #[tokio::test]
    async fn an_alarm_comes_also_to_what_is_being_looked_at_and_hurry_brings_all() {
        let queue = Queue::default();
        queue.wake("i-a");
        assert_eq!(queue.next().await, "i-a");
        queue.wake_after("i-a", Duration::from_millis(1));
        queue.done("i-a", Some(Duration::from_mins(1)));
        assert_eq!(queue.next().await, "i-a", "long before the minute is over");
        queue.wake_after("i-a", Duration::ZERO);
        queue.hurry();
        assert_eq!(queue.try_next(), None, "it is being looked at");
        queue.done("i-a", Some(Duration::from_mins(1)));
        assert_eq!(queue.try_next().as_deref(), Some("i-a"));
        queue.done("i-a", Some(Duration::from_mins(1)));
        queue.wake_after("i-b", Duration::from_mins(1));
        queue.hurry();
        assert_eq!((queue.try_next().as_deref(), queue.try_next().as_deref()), (Some("i-a"), Some("i-b")));
    }
}
