//! Who holds an access key: the scheduler's answers, kept for a short while.
//!
//! The cache is bounded in size and in time. Many requests with one new key ask once: the first asks, the rest wait for its answer. When
//! the scheduler does not answer, that is remembered just long enough for those who waited not to queue up and ask one after the other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::{Duration, SystemTime};

use freehold_proto::Fault;
use freehold_proto::clock::Clock;
use freehold_proto::internal::identity::GetDayKeyResponse;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use crate::backend::Backend;
use crate::config::DayKeyCache;
use crate::metrics::Metrics;
use crate::sigv4::{DayKey, Scope};

/// How long one question may take.
const ASK_TIME: Duration = Duration::from_secs(5);

/// How long a failure to ask stands for those who come right after.
const FAILED: Duration = Duration::from_millis(200);

/// The holder of an access key, and the key that proves it today.
#[derive(Debug)]
pub struct Holder {
    pub key: DayKey,
    pub account_id: String,
    pub principal_arn: String,
    pub user_id: String,
    session_token: Option<Zeroizing<String>>,
}

impl Holder {
    /// The token that a session's requests have to carry.
    pub fn session_token(&self) -> Option<&str> {
        self.session_token.as_ref().map(|token| token.as_str())
    }

    fn read(answer: GetDayKeyResponse) -> Result<Option<Arc<Self>>, Fault> {
        let session_token = Zeroizing::new(answer.session_token);
        if !answer.found {
            return Ok(None);
        }
        let key = DayKey::from_bytes(&answer.signing_key).ok_or_else(|| Fault::internal("reading a day key", "it is not 32 bytes long"))?;
        Ok(Some(Arc::new(Self {
            key,
            account_id: answer.account_id,
            principal_arn: answer.principal_arn,
            user_id: answer.user_id,
            session_token: (!session_token.is_empty()).then_some(session_token),
        })))
    }
}

#[derive(Clone)]
enum Outcome {
    Found(Arc<Holder>),
    Absent,
    Failed,
}

impl Outcome {
    fn word(&self) -> &'static str {
        match self {
            Self::Found(_) => "found",
            Self::Absent => "absent",
            Self::Failed => "failed",
        }
    }
}

/// One scope's answer, held locked while it is asked for.
type Slot = Arc<Mutex<Option<Kept>>>;

struct Kept {
    outcome: Outcome,
    since: SystemTime,
}

/// The cache.
pub struct DayKeys {
    backend: Backend,
    clock: Arc<dyn Clock>,
    bounds: DayKeyCache,
    slots: Lock<HashMap<Scope, Slot>>,
    metrics: Metrics,
}

impl DayKeys {
    pub fn new(backend: Backend, clock: Arc<dyn Clock>, bounds: DayKeyCache) -> Self {
        Self { backend, clock, bounds, slots: Lock::new(HashMap::new()), metrics: Metrics::default() }
    }

    /// Counts its looks there.
    pub fn counting(self, metrics: Metrics) -> Self {
        Self { metrics, ..self }
    }

    /// The holder of the scope's access key; `None` if there is none.
    pub async fn get(&self, scope: &Scope) -> Result<Option<Arc<Holder>>, Fault> {
        let slot = self.slot(scope);
        let mut kept = slot.lock().await;
        if let Some(fresh) = kept.as_ref().filter(|kept| self.is_fresh(kept)) {
            self.metrics.looked_up("kept");
            return match &fresh.outcome {
                Outcome::Found(holder) => Ok(Some(holder.clone())),
                Outcome::Absent => Ok(None),
                Outcome::Failed => Err(Fault::unavailable("The service that checks access keys does not answer. Retry your request.")),
            };
        }
        let answer = self.backend.day_key(scope, ASK_TIME).await.and_then(Holder::read);
        let outcome = match &answer {
            Ok(Some(holder)) => Outcome::Found(holder.clone()),
            Ok(None) => Outcome::Absent,
            Err(_) => Outcome::Failed,
        };
        self.metrics.looked_up(outcome.word());
        *kept = Some(Kept { outcome, since: self.clock.now() });
        answer
    }

    fn slot(&self, scope: &Scope) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get(scope) {
            return slot.clone();
        }
        if slots.len() >= self.bounds.capacity {
            self.make_room(&mut slots);
        }
        slots.entry(scope.clone()).or_default().clone()
    }

    /// Drops what is stale; if nothing is, what is not a key; if all are keys, any one. Slots being asked for have waiters and stay whole
    /// through their own reference, so that dropping one costs at most a second question.
    fn make_room(&self, slots: &mut HashMap<Scope, Slot>) {
        let keeps = |slot: &Slot, wanted: fn(&Outcome) -> bool| match slot.try_lock() {
            Ok(kept) => kept.as_ref().is_some_and(|kept| self.is_fresh(kept) && wanted(&kept.outcome)),
            Err(_) => true,
        };
        slots.retain(|_, slot| keeps(slot, |_| true));
        if slots.len() >= self.bounds.capacity {
            slots.retain(|_, slot| keeps(slot, |outcome| matches!(outcome, Outcome::Found(_))));
        }
        while slots.len() >= self.bounds.capacity {
            let Some(any) = slots.keys().next().cloned() else { return };
            slots.remove(&any);
        }
    }

    /// A clock that was set back makes everything stale: rather ask once more than trust a key for hours.
    fn is_fresh(&self, kept: &Kept) -> bool {
        let lifetime = match kept.outcome {
            Outcome::Found(_) => self.bounds.found,
            Outcome::Absent => self.bounds.absent,
            Outcome::Failed => FAILED,
        };
        self.clock.now().duration_since(kept.since).is_ok_and(|age| age < lifetime)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sigv4::signer::{KEY, noon};
    use crate::tests::fake::{ControlPlane, until};
    use freehold_proto::ErrorCode;
    use freehold_proto::clock::ManualClock;

    struct Fixture {
        plane: ControlPlane,
        clock: ManualClock,
        keys: Arc<DayKeys>,
    }

    fn fixture(bounds: DayKeyCache) -> Fixture {
        let (plane, clock) = (ControlPlane::default(), ManualClock::at(noon()));
        let keys = Arc::new(DayKeys::new(plane.backend(), Arc::new(clock.clone()), bounds));
        Fixture { plane, clock, keys }
    }

    fn scope(access_key_id: &str) -> Scope {
        Scope { access_key_id: access_key_id.into(), date: "20260102".into(), region: "us-east-1".into(), service: "ec2".into() }
    }

    #[tokio::test]
    async fn many_who_need_one_key_ask_once() {
        let Fixture { plane, keys, .. } = fixture(DayKeyCache::default());
        plane.hold();
        let asking: Vec<_> = (0..20)
            .map(|_| {
                tokio::spawn({
                    let keys = keys.clone();
                    async move { keys.get(&scope(KEY)).await }
                })
            })
            .collect();
        until("one asks", || plane.waiting() == 1).await;
        plane.release();
        for one in asking {
            assert!(one.await.unwrap().unwrap().is_some());
        }
        assert_eq!(plane.keys_asked(), 1);
    }

    #[tokio::test]
    async fn an_answer_is_kept_for_its_time_and_no_longer() {
        for (key, lifetime) in [(KEY, DayKeyCache::default().found), ("AKIDNOBODY", DayKeyCache::default().absent)] {
            let Fixture { plane, clock, keys } = fixture(DayKeyCache::default());
            keys.get(&scope(key)).await.unwrap();
            clock.advance(lifetime.checked_sub(Duration::from_millis(1)).unwrap());
            keys.get(&scope(key)).await.unwrap();
            assert_eq!(plane.keys_asked(), 1, "{key}");
            clock.advance(Duration::from_millis(1));
            keys.get(&scope(key)).await.unwrap();
            assert_eq!(plane.keys_asked(), 2, "{key}");
        }
    }

    #[tokio::test]
    async fn a_key_is_kept_for_its_own_scope_only() {
        let Fixture { plane, keys, .. } = fixture(DayKeyCache::default());
        for service in ["ec2", "sts"] {
            keys.get(&Scope { service: service.into(), ..scope(KEY) }).await.unwrap();
        }
        assert_eq!(plane.keys_asked(), 2);
    }

    #[tokio::test]
    async fn a_control_plane_that_is_gone_is_asked_again_as_soon_as_it_can_be_back() {
        let Fixture { plane, clock, keys } = fixture(DayKeyCache::default());
        plane.go_down(true);
        assert_eq!(keys.get(&scope(KEY)).await.unwrap_err().code, ErrorCode::Unavailable);
        plane.go_down(false);
        assert_eq!(keys.get(&scope(KEY)).await.unwrap_err().code, ErrorCode::Unavailable, "those who waited do not queue up");
        clock.advance(FAILED);
        assert!(keys.get(&scope(KEY)).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn who_stops_waiting_leaves_the_question_to_the_next() {
        let Fixture { plane, keys, .. } = fixture(DayKeyCache::default());
        plane.hold();
        let first = tokio::spawn({
            let keys = keys.clone();
            async move { keys.get(&scope(KEY)).await }
        });
        until("the first asks", || plane.waiting() == 1).await;
        first.abort();
        assert!(first.await.unwrap_err().is_cancelled());
        plane.release();
        assert!(keys.get(&scope(KEY)).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn keys_that_do_not_exist_push_none_out_that_does() {
        let Fixture { plane, keys, .. } = fixture(DayKeyCache { capacity: 8, ..DayKeyCache::default() });
        keys.get(&scope(KEY)).await.unwrap();
        for at in 0..100 {
            keys.get(&scope(&format!("AKIDNOBODY{at}"))).await.unwrap();
            assert!(keys.slots.lock().unwrap().len() <= 8);
        }
        let asked = plane.keys_asked();
        keys.get(&scope(KEY)).await.unwrap();
        assert_eq!(plane.keys_asked(), asked, "the key was still kept");
    }
}
