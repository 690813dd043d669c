//! Hears from the scheduler which access keys changed, and says whether what is kept of the others may be trusted.
//!
//! The gateway asks several times a second; each answer says that everything that changed before it has been told. So what is kept may be
//! trusted for the lease from the moment of the newest question that was answered, by this gateway's own clocks: a scheduler that waits for as
//! long knows that nobody goes by an old answer. While nobody answers, nothing is trusted and every request asks for its key.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use freehold_proto::internal::identity::identity_client::IdentityClient;
use freehold_proto::internal::identity::{FollowKeysRequest, FollowKeysResponse};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use crate::day_keys::DayKeys;

/// Between an answer and the next question: several to a lease.
const PING: Duration = Duration::from_millis(500);

/// A scheduler that says nothing for this long is dialled anew.
const SILENCE: Duration = Duration::from_secs(5);

/// Between two attempts to follow.
const RETRY: Duration = Duration::from_millis(200);

/// Messages on their way up: a question and what was dropped.
const UPWARD: usize = 1024;

/// A moment by both clocks: the wall's, which may be set, and the one that never is but stands while the machine sleeps.
#[derive(Clone, Copy, Debug)]
struct Moment {
    wall: SystemTime,
    steady: Instant,
}

impl Moment {
    fn at(wall: SystemTime) -> Self {
        Self { wall, steady: Instant::now() }
    }
}

/// Whether what is kept may be trusted.
#[derive(Debug, Default)]
pub struct Lease(Mutex<Option<(Moment, Duration)>>);

impl Lease {
    /// By the one clock and by the other. A wall clock that was set back ends it.
    pub fn holds(&self, now: SystemTime) -> bool {
        self.holds_at(Moment::at(now))
    }

    fn holds_at(&self, now: Moment) -> bool {
        let lease = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lease.is_some_and(|(asked, lease)| {
            now.wall.duration_since(asked.wall).is_ok_and(|age| age < lease) && now.steady.duration_since(asked.steady) < lease
        })
    }

    fn set(&self, lease: Option<(Moment, Duration)>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = lease;
    }
}

impl DayKeys {
    /// Follows the scheduler for as long as it is polled.
    pub async fn follow(&self) {
        loop {
            match self.follow_once().await {
                Ok(never) => match never {},
                Err(status) => tracing::debug!(%status, "the scheduler does not say which keys changed; each request asks for its own"),
            }
            self.lease().set(None);
            tokio::time::sleep(RETRY).await;
        }
    }

    async fn follow_once(&self) -> Result<std::convert::Infallible, Status> {
        let (up, requests) = mpsc::channel(UPWARD);
        let mut conversation = Conversation { up, ping: 0, asked: Moment::at(self.now()) };
        conversation.ask(self.now())?;
        let mut client = IdentityClient::new(self.identity());
        let dial = timeout(SILENCE, client.follow_keys(ReceiverStream::new(requests)));
        let mut down: Streaming<FollowKeysResponse> = dial.await.map_err(|_| silent())??.into_inner();
        let mut next_ping = None;
        loop {
            let message = tokio::select! {
                message = timeout(SILENCE, down.message()) => message.map_err(|_| silent())??,
                () = sleep_until(next_ping.unwrap_or_else(Instant::now)), if next_ping.is_some() => {
                    next_ping = None;
                    conversation.ask(self.now())?;
                    continue;
                }
            };
            let message = message.ok_or_else(|| Status::unavailable("the scheduler closed the stream"))?;
            if self.heed(&message, &conversation)? {
                next_ping = Some(Instant::now() + PING);
            }
        }
    }

    /// Whether it answers the newest question.
    fn heed(&self, message: &FollowKeysResponse, conversation: &Conversation) -> Result<bool, Status> {
        if message.change != 0 {
            self.drop_key(&message.access_key_id);
            conversation.say(FollowKeysRequest { ping: 0, dropped: message.change })?;
        }
        if message.pong == 0 || message.pong != conversation.ping {
            return Ok(false);
        }
        if message.pong == 1 {
            // What was kept before this stream began may have changed unheard.
            self.drop_key("");
        }
        self.lease().set(Some((conversation.asked, Duration::from_millis(message.lease_millis))));
        Ok(true)
    }
}

struct Conversation {
    up: mpsc::Sender<FollowKeysRequest>,
    ping: u64,
    /// When the newest ping was sent.
    asked: Moment,
}

impl Conversation {
    fn ask(&mut self, now: SystemTime) -> Result<(), Status> {
        self.ping += 1;
        self.asked = Moment::at(now);
        self.say(FollowKeysRequest { ping: self.ping, dropped: 0 })
    }

    fn say(&self, message: FollowKeysRequest) -> Result<(), Status> {
        self.up.try_send(message).map_err(|_| Status::unavailable("the scheduler does not listen"))
    }
}

fn silent() -> Status {
    Status::deadline_exceeded("the scheduler says nothing")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_held_by_both_clocks_or_not_at_all() {
        const LEASE: Duration = Duration::from_secs(2);
        let asked = Moment::at(SystemTime::UNIX_EPOCH + Duration::from_hours(500_000));
        let (lease, half) = (Lease::default(), LEASE / 2);
        assert!(!lease.holds_at(asked), "none was given");
        lease.set(Some((asked, LEASE)));
        assert!(lease.holds_at(Moment { wall: asked.wall + half, steady: asked.steady + half }));
        assert!(!lease.holds_at(Moment { wall: asked.wall + LEASE, steady: asked.steady + half }), "the machine slept");
        assert!(!lease.holds_at(Moment { wall: asked.wall - half, steady: asked.steady + half }), "the clock was set back");
        assert!(!lease.holds_at(Moment { wall: asked.wall + half, steady: asked.steady + LEASE }), "the clock was set back to within it");
    }
}
