//! Tells gateways which access keys changed, and knows until when a gateway that stays silent can still trust what it keeps.
//!
//! ```text
//!   gateway ── ping ──▶ feed          a gateway trusts what it keeps for LEASE from when it sent the newest ping that was answered
//!           ◀── pong ──               so from a pong on, it may trust for LEASE at most: `trusts_until`
//!   disable: commit ─▶ change to every follower ─▶ wait for each `dropped`, or for its `trusts_until`
//! ```
//!
//! Changes and pongs travel in one order: a gateway that hears a pong has heard every change before it. So once [`KeyFeed::announce`] returns,
//! no gateway takes the key any more, whether it is well, stopped, or cut off.
//!
//! Other schedulers on the same store have gateways of their own. They answer a ping once they have heard of whatever was committed before it
//! came, so a gateway of theirs trusts nothing for longer than LEASE after the commit: that long is waited, whatever one's own say.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use freehold_proto::internal::identity::{FollowKeysRequest, FollowKeysResponse};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tonic::Status;

use crate::store::Store;

/// How long a gateway that hears nothing goes on with what it has heard.
pub const LEASE: Duration = Duration::from_secs(2);

/// Messages on their way to one gateway; one that is further behind is hung up on, and trusts nothing after its lease.
const IN_FLIGHT: usize = 1024;

pub type Said = Result<FollowKeysResponse, Status>;

pub struct KeyFeed {
    lease: Duration,
    /// Whether there may be gateways that follow another scheduler.
    shared: bool,
    state: Mutex<State>,
    /// Ticks whenever a follower says that it dropped something, or goes.
    heard: watch::Sender<u64>,
}

struct State {
    closed: bool,
    newest_follower: u64,
    newest_change: u64,
    followers: HashMap<u64, Follower>,
    /// Until when followers that are gone may trust what they keep: at first, those of the scheduler before this one.
    ghosts_until: Instant,
}

struct Follower {
    messages: mpsc::Sender<Said>,
    dropped: u64,
    trusts_until: Instant,
}

impl State {
    /// A message to one follower. One that can not take it is gone.
    fn say(&mut self, id: u64, message: FollowKeysResponse) {
        let sent = self.followers.get(&id).is_some_and(|follower| follower.messages.try_send(Ok(message)).is_ok());
        if !sent {
            self.forget(id);
        }
    }

    /// The number of the change that they were told.
    fn tell(&mut self, ids: &[u64], access_key_id: &str) -> u64 {
        self.newest_change += 1;
        let change = self.newest_change;
        for id in ids {
            self.say(*id, FollowKeysResponse { change, access_key_id: access_key_id.to_owned(), ..FollowKeysResponse::default() });
        }
        change
    }

    fn forget(&mut self, id: u64) {
        if let Some(gone) = self.followers.remove(&id) {
            self.ghosts_until = self.ghosts_until.max(gone.trusts_until);
        }
    }
}

impl KeyFeed {
    pub fn of(store: &Store) -> Self {
        Self::new(LEASE, Instant::now() + LEASE, store.is_shared())
    }

    fn new(lease: Duration, ghosts_until: Instant, shared: bool) -> Self {
        let state = State { closed: false, newest_follower: 0, newest_change: 0, followers: HashMap::new(), ghosts_until };
        Self { lease, shared, state: Mutex::new(state), heard: watch::Sender::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A gateway that follows from now on.
    pub fn enter(&self) -> (u64, mpsc::Receiver<Said>) {
        let (messages, receiver) = mpsc::channel(IN_FLIGHT);
        let mut state = self.state();
        state.newest_follower += 1;
        let (id, dropped) = (state.newest_follower, state.newest_change);
        if !state.closed {
            state.followers.insert(id, Follower { messages, dropped, trusts_until: Instant::now() });
        }
        (id, receiver)
    }

    /// Ends every follower's stream and lets no new one begin: streams that never end would hold up the server's shutdown.
    pub fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        let ids: Vec<u64> = state.followers.keys().copied().collect();
        for id in ids {
            state.forget(id);
        }
    }

    pub fn leave(&self, id: u64) {
        self.state().forget(id);
        self.heard.send_modify(|ticks| *ticks += 1);
    }

    /// What a gateway said. False: it does not follow any more and is to be hung up on.
    pub fn hear(&self, id: u64, said: &FollowKeysRequest) -> bool {
        let mut state = self.state();
        let Some(follower) = state.followers.get_mut(&id) else { return false };
        follower.dropped = follower.dropped.max(said.dropped);
        if said.ping != 0 {
            follower.trusts_until = Instant::now() + self.lease;
            let lease_millis = u64::try_from(self.lease.as_millis()).unwrap_or(u64::MAX);
            state.say(id, FollowKeysResponse { pong: said.ping, lease_millis, ..FollowKeysResponse::default() });
        }
        drop(state);
        self.heard.send_modify(|ticks| *ticks += 1);
        true
    }

    /// Tells one follower that a key changed ("": any may have).
    pub fn tell(&self, id: u64, access_key_id: &str) {
        let mut state = self.state();
        state.tell(&[id], access_key_id);
    }

    fn tell_all(&self, access_key_id: &str) -> u64 {
        let mut state = self.state();
        let ids: Vec<u64> = state.followers.keys().copied().collect();
        state.tell(&ids, access_key_id)
    }

    /// Tells them what was committed, and returns when none trusts what it kept of the key: at most a lease later.
    pub async fn announce(&self, access_key_id: &str) {
        let elsewhere = tokio::time::sleep(if self.shared { self.lease } else { Duration::ZERO });
        let mut heard = self.heard.subscribe();
        let change = self.tell_all(access_key_id);
        let until = {
            let state = self.state();
            state.followers.values().map(|follower| follower.trusts_until).fold(state.ghosts_until, Instant::max)
        };
        let dropped = async {
            while !self.all_dropped(change) {
                // The sender is this feed's own.
                let _ = heard.changed().await;
            }
        };
        // Who has not said so by then has heard no pong since, and trusts nothing.
        let _ = tokio::join!(tokio::time::timeout_at(until, dropped), elsewhere);
    }

    fn all_dropped(&self, change: u64) -> bool {
        let state = self.state();
        state.ghosts_until <= Instant::now() && state.followers.values().all(|follower| follower.dropped >= change)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ping(ping: u64) -> FollowKeysRequest {
        FollowKeysRequest { ping, dropped: 0 }
    }

    /// Of which nobody is left from before.
    fn feed(lease: Duration) -> KeyFeed {
        KeyFeed::new(lease, Instant::now(), false)
    }

    /// Longer than any test waits.
    const LONG: Duration = Duration::from_hours(1);
    /// As long as a test can wait.
    const SHORT: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn who_says_that_it_dropped_the_key_is_not_waited_for_longer() {
        let feed = feed(LONG);
        let (id, mut messages) = feed.enter();
        assert!(feed.hear(id, &ping(1)));
        assert_eq!(messages.recv().await.expect("a pong").expect("a message").pong, 1);
        let obeys = async {
            let said = messages.recv().await.expect("a change").expect("a message");
            assert_eq!(said.access_key_id, "AKIA1");
            assert!(feed.hear(id, &FollowKeysRequest { ping: 0, dropped: said.change }));
        };
        let both = async { tokio::join!(feed.announce("AKIA1"), obeys) };
        tokio::time::timeout(Duration::from_secs(30), both).await.expect("long before the lease is up");
    }

    #[tokio::test]
    async fn who_is_silent_is_waited_for_until_it_can_trust_nothing() {
        let feed = feed(SHORT);
        let (id, messages) = feed.enter();
        let until = Instant::now() + SHORT;
        assert!(feed.hear(id, &ping(1)));
        feed.announce("AKIA1").await;
        assert!(Instant::now() >= until);
        drop(messages);
    }

    #[tokio::test]
    async fn a_follower_that_is_gone_and_those_of_the_scheduler_before_are_waited_for_as_well() {
        let until = Instant::now() + SHORT;
        let feed = KeyFeed::new(SHORT, until, false);
        feed.announce("AKIA1").await;
        assert!(Instant::now() >= until, "followers of the scheduler before this one");
        let (id, messages) = feed.enter();
        let until = Instant::now() + SHORT;
        assert!(feed.hear(id, &ping(1)));
        drop(messages);
        feed.leave(id);
        feed.announce("AKIA1").await;
        assert!(Instant::now() >= until, "one that hung up");
    }

    #[tokio::test]
    async fn gateways_of_other_schedulers_are_waited_for_however_quick_ones_own_are() {
        let feed = KeyFeed::new(SHORT, Instant::now(), true);
        let until = Instant::now() + SHORT;
        feed.announce("AKIA1").await;
        assert!(Instant::now() >= until);
    }

    #[tokio::test]
    async fn a_pong_comes_after_every_change_before_it() {
        let feed = feed(LONG);
        let (id, mut messages) = feed.enter();
        feed.tell(id, "AKIA1");
        assert!(feed.hear(id, &ping(7)));
        assert_eq!(messages.recv().await.expect("a change").expect("a message").access_key_id, "AKIA1");
        assert_eq!(messages.recv().await.expect("a pong").expect("a message").pong, 7);
    }

    #[tokio::test]
    async fn a_feed_that_is_closed_ends_its_streams_and_begins_none() {
        let feed = feed(LONG);
        let (_, mut before) = feed.enter();
        feed.close();
        let (_, mut after) = feed.enter();
        assert!(before.recv().await.is_none() && after.recv().await.is_none());
    }

    #[tokio::test]
    async fn a_follower_that_reads_nothing_is_given_up() {
        let feed = feed(LONG);
        let (id, _messages) = feed.enter();
        for _ in 0..=IN_FLIGHT {
            feed.tell(id, "AKIA1");
        }
        assert!(!feed.hear(id, &ping(1)));
    }
}
