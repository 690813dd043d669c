//! Certificates, fetched and kept fresh.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use freehold_proto::clock::Clock;
use freehold_proto::internal::parts::parts_client::PartsClient;
use freehold_proto::internal::parts::{Certified, CertifyRequest};

use super::{Credentials, Current, Key, Reach, Unusable};
use crate::Service;
use crate::identity::Kind;

/// How often a part looks whether it is time.
pub const LOOK: Duration = Duration::from_secs(1);

/// For one answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Between attempts: a twentieth of what is left, within these.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(10);

/// Between attempts with a certificate that has expired, which hardly ever succeed.
const EXPIRED_PAUSE: Duration = Duration::from_mins(1);

/// Whose certificate, for which names.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub kind: Kind,
    pub name: String,
    /// DNS names and addresses that it serves clients at.
    pub names: Vec<String>,
}

impl Wanted {
    pub(super) fn request(&self, key: &Key) -> Result<CertifyRequest, Unusable> {
        let request = key.request()?.into();
        Ok(CertifyRequest { kind: self.kind.to_string(), name: self.name.clone(), request, names: self.names.clone() })
    }
}

#[derive(Debug, thiserror::Error)]
pub enum CertifyError {
    #[error("the scheduler gives no certificate: {}", .0.message())]
    Refused(#[from] tonic::Status),
    #[error(transparent)]
    Unusable(#[from] Unusable),
}

/// A certificate for a key made here and now.
pub async fn certify(parts: Service, wanted: &Wanted, reach: Reach, clock: &dyn Clock) -> Result<Credentials, CertifyError> {
    let key = Key::generate()?;
    let mut client = PartsClient::new(parts);
    let request = wanted.request(&key)?;
    let answer: Certified = match tokio::time::timeout(PATIENCE, client.certify(request)).await {
        Ok(answer) => answer?.into_inner(),
        Err(_) => return Err(tonic::Status::deadline_exceeded("no answer in time").into()),
    };
    Ok(Credentials::new(&key, &answer, reach, clock.now())?)
}

/// Keeps one part's credentials fresh.
pub struct Renewal {
    /// A way to the scheduler, over which it knows who asks.
    pub parts: Service,
    pub wanted: Wanted,
    pub current: Arc<Current>,
    /// Where they are kept across restarts; `None` for a part that gets new ones at each start.
    pub folder: Option<PathBuf>,
    pub clock: Arc<dyn Clock>,
}

/// What was tried and is to be tried again.
#[derive(Clone, Copy, Debug)]
pub struct Attempts {
    renew: SystemTime,
    /// For credentials that are in force and could not be saved.
    save: Option<SystemTime>,
}

impl Default for Attempts {
    fn default() -> Self {
        Self { renew: SystemTime::UNIX_EPOCH, save: None }
    }
}

/// A clock that was set back does not make a part wait for its certificate's end.
fn waits(now: SystemTime, until: SystemTime) -> bool {
    now < until && until - LONGEST_PAUSE <= now
}

fn pause(credentials: &Credentials, now: SystemTime) -> Duration {
    match credentials.expires.duration_since(now) {
        Ok(left) if !left.is_zero() => (left / 20).clamp(SHORTEST_PAUSE, LONGEST_PAUSE),
        // Only somebody's hand helps now, and the log is to show it and nothing else.
        _ => EXPIRED_PAUSE,
    }
}

impl Renewal {
    /// Looks every `look`, for as long as it is polled.
    pub async fn run(self, look: Duration) {
        let mut attempts = Attempts::default();
        let mut ticks = tokio::time::interval(look);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.look(&mut attempts).await;
        }
    }

    /// Renews if it is time, and no other attempt was just before. What is in force and not yet saved is saved.
    pub async fn look(&self, attempts: &mut Attempts) {
        let (credentials, now) = (self.current.get(), self.clock.now());
        if attempts.save.is_some_and(|next| !waits(now, next)) {
            attempts.save = self.save(&credentials, now);
        }
        if now < credentials.renew_at() && self.wanted.names.iter().all(|name| credentials.names.contains(name)) {
            return;
        }
        if waits(now, attempts.renew) {
            return;
        }
        match certify(self.parts.clone(), &self.wanted, credentials.reach.clone(), &*self.clock).await {
            Ok(renewed) => {
                tracing::info!(identity = %renewed.identity, "renewed the certificate");
                // Also where it is not what was wanted: a scheduler that leaves a name out is not asked every second.
                attempts.renew = now + pause(&renewed, now);
                attempts.save = self.save(&renewed, now);
                self.current.replace(renewed);
            }
            Err(error) => {
                attempts.renew = now + pause(&credentials, now);
                told(&error, credentials.expires.duration_since(now).unwrap_or_default());
            }
        }
    }

    /// When to try again, if it failed. Meanwhile the credentials are good for as long as this process lives: the scheduler may know no others.
    fn save(&self, credentials: &Credentials, now: SystemTime) -> Option<SystemTime> {
        let error = credentials.save(self.folder.as_ref()?).err()?;
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        tracing::error!(
            %error,
            cause,
            "the renewed certificate is in force and can not be saved: mend the disk before this part is restarted, or it may have to join again"
        );
        Some(now + pause(credentials, now))
    }
}

fn told(error: &CertifyError, left: Duration) {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    if left.is_zero() {
        tracing::error!(%error, cause, "this part's certificate has expired: make a join token for it by name and join again");
    } else {
        tracing::warn!(%error, cause, seconds_left = left.as_secs(), "the certificate could not be renewed; trying again");
    }
}
