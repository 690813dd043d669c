//! Who holds an access key: the scheduler's answers, kept for a short while.
//!
//! What exists is kept only while the scheduler's word on changes comes through ([`crate::key_feed`]): a key that was disabled is dropped before
//! whoever disabled it is told so. The cache is bounded in size and in time. Many requests with one new key ask once: the first asks, the rest wait for its answer. When
//! the scheduler does not answer, that is remembered just long enough for those who waited not to queue up and ask one after the other.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::{Duration, SystemTime};

use freehold_proto::Fault;
use freehold_proto::clock::Clock;
use freehold_proto::internal::identity::GetDayKeyResponse;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use crate::backend::Backend;
use crate::config::DayKeyCache;
use crate::key_feed::Lease;
use crate::metrics::Metrics;
use crate::sigv4::{DayKey, Scope};

/// How long one question may take.
const ASK_TIME: Duration = Duration::from_secs(5);

/// Questions for one key while the answers are overtaken by changes.
const ASKS: usize = 8;

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
    lease: Lease,
    /// Changes heard of so far.
    changes: AtomicU64,
}

impl DayKeys {
    pub fn new(backend: Backend, clock: Arc<dyn Clock>, bounds: DayKeyCache) -> Self {
        let (slots, metrics) = (Lock::new(HashMap::new()), Metrics::default());
        Self { backend, clock, bounds, slots, metrics, lease: Lease::default(), changes: AtomicU64::new(0) }
    }

    /// Counts its looks there.
    pub fn counting(self, metrics: Metrics) -> Self {
        Self { metrics, ..self }
    }

    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    pub fn now(&self) -> SystemTime {
        self.clock.now()
    }

    pub fn identity(&self) -> freehold_link::Service {
        self.backend.identity.clone()
    }

    /// Forgets what is kept of a key, of all for "", and what is being asked for.
    pub fn drop_key(&self, access_key_id: &str) {
        // First: an answer under way finds that it was overtaken, whether its slot is still there or not.
        self.changes.fetch_add(1, Ordering::SeqCst);
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|scope, _| !access_key_id.is_empty() && scope.access_key_id != access_key_id);
    }

    /// An answer that no change overtook on its way.
    async fn ask(&self, scope: &Scope) -> Result<Option<Arc<Holder>>, Fault> {
        for _ in 0..ASKS {
            let before = self.changes.load(Ordering::SeqCst);
            let answer = self.backend.day_key(scope, ASK_TIME).await.and_then(Holder::read);
            if answer.is_err() || self.changes.load(Ordering::SeqCst) == before {
                return answer;
            }
        }
        Err(Fault::unavailable("The access key changes faster than it can be checked. Retry your request."))
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
        let answer = self.ask(scope).await;
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
            Outcome::Found(_) if !self.lease.holds(self.clock.now()) => return false,
            Outcome::Found(_) => self.bounds.found,
            Outcome::Absent => self.bounds.absent,
            Outcome::Failed => FAILED,
        };
        self.clock.now().duration_since(kept.since).is_ok_and(|age| age < lifetime)
    }
}

#[cfg(test)]
mod tests;
