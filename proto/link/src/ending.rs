//! How a server ends: it takes nothing new, and what is under way has a short while.

use std::future::Future;
use std::time::Duration;

use tokio::sync::oneshot;

/// For calls under way to finish once a server is asked to end.
const DRAIN: Duration = Duration::from_secs(2);

/// Runs `serving`, which ends by itself once the receiver that it was made with resolves.
pub async fn until<E>(
    shutdown: impl Future<Output = ()> + Send,
    stop: oneshot::Sender<()>,
    serving: impl Future<Output = Result<(), E>> + Send,
) -> Result<(), E> {
    let mut serving = std::pin::pin!(serving);
    tokio::select! {
        ended = &mut serving => return ended,
        () = shutdown => drop(stop),
    }
    // A stream that its client holds open (a host's) never ends by itself.
    tokio::time::timeout(DRAIN, serving).await.unwrap_or(Ok(()))
}
