//! Joining: a token for a first certificate.
//!
//! The key is on the disk before the token is spent. Who joins and loses the answer joins again with the same key and gets it again.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use freehold_proto::clock::Clock;
use freehold_proto::internal::parts::JoinRequest;
use freehold_proto::internal::parts::parts_client::PartsClient;
use tonic::Code;

use super::credentials::replace;
use super::{CertifyError, Credentials, Current, Key, Reach, SCHEDULER, Unusable, Wanted, certify, client, config};
use crate::token::Token;

/// The key of a join that has not been answered yet.
const PENDING: &str = "joining.key";

const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    #[error("the token is for a {token}, and this is a {own}: make one with `freehold host token --for {own}`")]
    OtherKind { token: String, own: String },
    #[error("the token's fingerprint is malformed; copy the token again")]
    Malformed,
    #[error("the scheduler refuses: {0}")]
    Refused(String),
    #[error(
        "no scheduler of this token's cluster answers at {addresses}: {cause}. See that one listens there ([scheduler] listen), that this host reaches \
         it, and that the token is of that cluster"
    )]
    Unreachable { addresses: String, cause: String },
    #[error(transparent)]
    Unusable(#[from] Unusable),
    #[error("TLS can not be set up")]
    Tls(#[from] rustls::Error),
}

/// What came of joining.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joined {
    Now,
    /// Before, into the same cluster; the token was not needed and not spent.
    Already,
}

/// Makes this part one of the token's cluster, and saves what it is from now on in `folder`. `own`: what it was before, of the same cluster. If
/// that is still good, the token is not spent.
pub async fn join(
    token: &Token,
    wanted: &Wanted,
    own: Option<Credentials>,
    folder: &Path,
    clock: &Arc<dyn Clock>,
) -> Result<Joined, JoinError> {
    if let Some(own) = own {
        forget_spent_key(folder, &own)?;
        if clock.now() < own.expires && still_good(token, wanted, own, folder, clock).await? {
            remove_pending_key(folder)?;
            return Ok(Joined::Already);
        }
    }
    spend(token, wanted, folder, clock).await?;
    Ok(Joined::Now)
}

/// Whether the scheduler has not removed this part meanwhile, nor forgotten it by a restore. One that does not answer has not.
async fn still_good(token: &Token, wanted: &Wanted, own: Credentials, folder: &Path, clock: &Arc<dyn Clock>) -> Result<bool, JoinError> {
    let reach = Reach { scheduler: token.scheduler.clone(), image_store: token.image_store.clone() };
    let current = Current::new(own);
    let parts = client::service(token.scheduler.clone(), SCHEDULER, &current, clock)?;
    match certify(parts, wanted, reach, &**clock).await {
        Ok(fresh) => fresh.save(folder)?,
        Err(CertifyError::Refused(status)) if status.code() == Code::PermissionDenied => {
            tracing::info!(reason = status.message(), "the certificate from before is not good any more");
            return Ok(false);
        }
        Err(CertifyError::Refused(_)) => {}
        Err(CertifyError::Unusable(error)) => return Err(error.into()),
    }
    Ok(true)
}

async fn spend(token: &Token, wanted: &Wanted, folder: &Path, clock: &Arc<dyn Clock>) -> Result<(), JoinError> {
    if token.kind() != Some(wanted.kind) {
        return Err(JoinError::OtherKind { token: token.kind.clone(), own: wanted.kind.to_string() });
    }
    let pin = fingerprint(&token.authority).ok_or(JoinError::Malformed)?;
    let key = pending_key(&folder.join(PENDING))?;
    let channel = client::over(token.scheduler.clone(), SCHEDULER, config::joining(pin, clock)?);
    let request = JoinRequest { secret: token.secret.clone(), certify: Some(wanted.request(&key)?) };
    let mut parts = PartsClient::new(channel);
    let answer = match tokio::time::timeout(PATIENCE, parts.join(request)).await {
        Ok(Ok(answer)) => answer.into_inner(),
        Ok(Err(status)) if matches!(status.code(), Code::Unavailable | Code::Unknown) => return Err(unreachable(token, &status)),
        Ok(Err(status)) => return Err(JoinError::Refused(status.message().to_owned())),
        Err(_) => return Err(unreachable(token, &tonic::Status::deadline_exceeded("no answer in time"))),
    };
    if config::fingerprint(&answer.authority) != pin {
        return Err(JoinError::Refused("it answered with another authority than the token's".to_owned()));
    }
    let reach = Reach { scheduler: token.scheduler.clone(), image_store: token.image_store.clone() };
    let credentials = Credentials::new(&key, &answer, reach, clock.now())?;
    credentials.save(folder)?;
    remove_pending_key(folder)?;
    Ok(())
}

fn unreachable(token: &Token, status: &tonic::Status) -> JoinError {
    // The innermost source is the one that says something: "connection refused", "invalid peer certificate".
    let mut cause: &dyn std::error::Error = status;
    while let Some(source) = cause.source() {
        cause = source;
    }
    JoinError::Unreachable { addresses: token.scheduler.join(", "), cause: cause.to_string() }
}

/// A join that was answered, and then cut off before its key was removed: the next one makes a key of its own.
fn forget_spent_key(folder: &Path, own: &Credentials) -> Result<(), Unusable> {
    let path = folder.join(PENDING);
    if std::fs::read(&path).is_ok_and(|pending| own.has_key(&pending)) { remove_pending_key(folder) } else { Ok(()) }
}

/// Of use only until the join was answered.
fn remove_pending_key(folder: &Path) -> Result<(), Unusable> {
    let path = folder.join(PENDING);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Unusable::Io(path, error)),
        _ => Ok(()),
    }
}

fn pending_key(path: &Path) -> Result<Key, Unusable> {
    match std::fs::read(path) {
        Ok(bytes) => Key::from_pkcs8(&bytes).map_err(|_| Unusable::Damaged(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let key = Key::generate()?;
            replace(path, key.pkcs8()).map_err(|error| Unusable::Io(path.to_owned(), error))?;
            Ok(key)
        }
        Err(error) => Err(Unusable::Io(path.to_owned(), error)),
    }
}

fn fingerprint(hex: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}
