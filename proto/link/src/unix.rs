//! gRPC over Unix sockets on one host. The kernel says who the peer is (`SO_PEERCRED`); nobody else gets a byte in. Both sides hang up on a
//! peer that is there and does not answer (a stopped process), so that it counts as absent.

use std::future::Future;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::net::{UnixListener, UnixStream};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::UnixListenerStream;
use tonic::transport::{Channel, Endpoint, Server};
use tower::ServiceExt;

/// Larger than a page of 1,000 instances, smaller than what would hurt.
pub const MAX_MESSAGE_BYTES: usize = 32 << 20;

pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A silent peer is asked whether it lives after this long, and has as long again to answer: more than a busy machine ever needs.
pub(crate) const SILENCE: Duration = Duration::from_secs(20);

/// Binds `path` for root and the process's own user, replacing a socket that a dead process left. A socket that somebody answers on is an error.
pub fn bind(path: &Path) -> io::Result<UnixListener> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    if path.exists() {
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, format!("{} is served by another process", path.display())));
        }
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Serves until `shutdown` resolves. Peers other than root and this process's own user are hung up on.
pub async fn serve(
    listener: UnixListener,
    routes: tonic::service::Routes,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), crate::BoxError> {
    serve_talkative(listener, routes, shutdown, SILENCE).await
}

async fn serve_talkative(
    listener: UnixListener,
    routes: tonic::service::Routes,
    shutdown: impl Future<Output = ()> + Send,
    silence: Duration,
) -> Result<(), crate::BoxError> {
    let own = nix::unistd::Uid::effective().as_raw();
    let incoming = UnixListenerStream::new(listener).filter(move |stream| match stream.as_ref().map(UnixStream::peer_cred) {
        Ok(Ok(peer)) if peer.uid() == 0 || peer.uid() == own => true,
        Ok(Ok(peer)) => {
            tracing::warn!(uid = peer.uid(), "refused a peer on a Unix socket");
            false
        }
        Ok(Err(error)) => {
            tracing::warn!(%error, "refused a peer without credentials");
            false
        }
        Err(_) => true,
    });
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let mut server = Server::builder().http2_keepalive_interval(Some(silence)).http2_keepalive_timeout(Some(silence));
    let serving = server.add_routes(routes).serve_with_incoming_shutdown(incoming, async {
        // An error means that the sender is gone, and this future with it.
        let _ = stopped.await;
    });
    Ok(crate::ending::until(shutdown, stop, serving).await?)
}

/// A channel that connects when first used and again after a failure. Each attempt to connect is bounded; each call's own bound is the caller's.
pub fn channel(path: impl Into<PathBuf>) -> Channel {
    talkative_channel(path.into(), SILENCE)
}

fn talkative_channel(path: PathBuf, silence: Duration) -> Channel {
    let endpoint = Endpoint::from_static("http://unix.socket").connect_timeout(CONNECT_TIMEOUT);
    endpoint.http2_keep_alive_interval(silence).keep_alive_timeout(silence).connect_with_connector_lazy(tower::service_fn(
        move |_: http::Uri| {
            let path = path.clone();
            async move { UnixStream::connect(path).await.map(TokioIo::new) }
        },
    ))
}

/// The same channel as a [`crate::Service`].
pub fn service(path: impl Into<PathBuf>) -> crate::Service {
    tower::util::BoxCloneSyncService::new(channel(path).map_err(|error| crate::Unreachable(error.into())))
}

/// Routes of this very process as a [`crate::Service`]: no socket, no HTTP/2.
pub fn in_process(routes: tonic::service::Routes) -> crate::Service {
    let routes =
        ServiceExt::<http::Request<tonic::body::Body>>::map_err(routes.prepare(), |never: std::convert::Infallible| match never {});
    tower::util::BoxCloneSyncService::new(routes)
}

#[cfg(test)]
mod tests;
