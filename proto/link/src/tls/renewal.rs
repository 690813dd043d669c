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

/// Between attempts that fail: a twentieth of what is left, within these.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(10);

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

impl Renewal {
    /// Looks every `look`, for as long as it is polled.
    pub async fn run(self, look: Duration) {
        let mut not_before = SystemTime::UNIX_EPOCH;
        let mut ticks = tokio::time::interval(look);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.look(&mut not_before).await;
        }
    }

    /// Renews if it is time, and no attempt that failed was just before.
    pub async fn look(&self, not_before: &mut SystemTime) {
        let (credentials, now) = (self.current.get(), self.clock.now());
        if now < credentials.renew_at() && self.wanted.names.iter().all(|name| credentials.names.contains(name)) {
            return;
        }
        // A clock that was set back does not make a part wait for its certificate's end.
        if now < *not_before && *not_before - LONGEST_PAUSE <= now {
            return;
        }
        match self.renew(&credentials).await {
            Ok(renewed) => {
                tracing::info!(identity = %renewed.identity, "renewed the certificate");
                self.current.replace(renewed);
            }
            Err(error) => {
                let left = credentials.expires.duration_since(now).unwrap_or_default();
                *not_before = now + (left / 20).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                if left.is_zero() {
                    tracing::error!(%error, cause, "this part's certificate has expired: make a join token for it by name and join again");
                } else {
                    tracing::warn!(%error, cause, seconds_left = left.as_secs(), "the certificate could not be renewed; trying again");
                }
            }
        }
    }

    async fn renew(&self, old: &Credentials) -> Result<Credentials, CertifyError> {
        let renewed = certify(self.parts.clone(), &self.wanted, old.reach.clone(), &*self.clock).await?;
        if let Some(folder) = &self.folder {
            renewed.save(folder)?;
        }
        Ok(renewed)
    }
}
