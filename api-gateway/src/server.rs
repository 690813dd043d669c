//! The listening socket: connections are counted, their headers bounded in size and time, and at the end they may finish what they do.
//!
//! HTTP/1.1 only, with TLS and without: every AWS SDK speaks it, and what is not spoken needs no limits.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::get;
use freehold_link::metrics::Part;
use freehold_link::shares::{Shares, source};
use freehold_link::tls::Acceptor;
use freehold_proto::clock::{Clock, SystemClock};
use freehold_proto::id::{Entropy, OsEntropy};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use crate::backend::Backend;
use crate::config::{Config, Invalid, Limits};
use crate::day_keys::DayKeys;
use crate::door::Door;
use crate::line::Peer;
use crate::metrics::{Counted, Metrics};
use crate::patient::Patient;

/// Why the gateway does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("the gateway's configuration is invalid")]
    Config(#[from] Invalid),
    #[error("the gateway can not listen on {address}")]
    Listen { address: SocketAddr, source: io::Error },
}

/// Listens and serves until `shutdown` resolves.
pub async fn serve(
    config: Config,
    backend: Backend,
    https: Option<Acceptor>,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    let gateway = Gateway::bind(config, backend, https).await?;
    tracing::info!(address = %gateway.address(), "the gateway listens");
    gateway.run(shutdown).await;
    Ok(())
}

/// A gateway that listens and does not serve yet.
pub struct Gateway {
    listener: TcpListener,
    address: SocketAddr,
    limits: Limits,
    metrics: Metrics,
    https: Option<Acceptor>,
    routes: Router,
    keys: Arc<DayKeys>,
}

impl Gateway {
    /// Checks the configuration and takes the port.
    pub async fn bind(config: Config, backend: Backend, https: Option<Acceptor>) -> Result<Self, ServeError> {
        Self::bind_with(config, backend, https, Arc::new(SystemClock), Arc::new(OsEntropy)).await
    }

    /// As [`Self::bind`], with time and randomness of the caller's.
    pub async fn bind_with(
        config: Config,
        backend: Backend,
        https: Option<Acceptor>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, ServeError> {
        config.validate()?;
        if https.is_none() && config.is_https() {
            return Err(Invalid::NotLoopback(config.listen).into());
        }
        let failed = |source| ServeError::Listen { address: config.listen, source };
        let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (limits, metrics) = (config.limits.clone(), Metrics::default());
        let door = Door::new(config, backend, clock, entropy, metrics.clone());
        Ok(Self { listener, address, limits, metrics, https, keys: door.keys(), routes: routes(door) })
    }

    /// What answers requests, for whoever brings them by another way than a socket.
    pub fn in_process(config: Config, backend: Backend, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Result<Router, Invalid> {
        config.validate()?;
        Ok(routes(Door::new(config, backend, clock, entropy, Metrics::default())))
    }

    /// Where it listens; of use where the configuration left the port to the system.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What is counted here, to be shown at the metrics' door.
    pub fn metrics(&self) -> Part {
        self.metrics.part(&self.limits)
    }

    /// Serves until `shutdown` resolves, then lets requests under way finish within their bound.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) {
        let Self { listener, limits, metrics, https, routes, keys, .. } = self;
        let (stop, stopped) = watch::channel(false);
        let mut connections = JoinSet::new();
        let accepting = async {
            let places = Arc::new(Semaphore::new(limits.connections));
            let each = Shares::new(limits.connections_per_address);
            loop {
                let (stream, from, place) = accept(&listener, &places).await;
                while connections.try_join_next().is_some() {}
                let Some(share) = each.take(source(from.ip())) else {
                    tracing::debug!(%from, "hung up on an address with too many connections");
                    metrics.refused("connections_per_address");
                    continue;
                };
                let place = (place, share, Counted::in_gauge(&metrics.connections));
                connections.spawn(welcome(stream, place, https.clone(), limits.clone(), routes.clone(), stopped.clone()));
            }
        };
        tokio::select! {
            () = accepting => {}
            () = keys.follow() => {}
            () = shutdown => {}
        }
        drop(listener);
        // Nobody listening is nobody to tell.
        let _ = stop.send(true);
        let drained = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(limits.drain_time, drained).await.is_err() {
            tracing::warn!("requests were still under way when the gateway stopped");
        }
    }
}

/// The routes that need no signature; everything else is the door's.
fn routes(door: Door) -> Router {
    let health = get(healthy).fallback(through);
    Router::new().route("/health", health).fallback(through).with_state(Arc::new(door))
}

/// Says only that the gateway itself answers.
async fn healthy() -> &'static str {
    "ok\n"
}

async fn through(State(door): State<Arc<Door>>, request: Request) -> Response {
    door.answer(request).await
}

/// The next connection, once there is a place for it.
async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> (TcpStream, SocketAddr, Option<OwnedSemaphorePermit>) {
    // The semaphore is never closed.
    let place = places.clone().acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, from)) => return (stream, from, place),
            Err(error) => {
                // Out of file descriptors, most likely: they come back as connections end.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
    }
}

/// One connection, from its first byte.
async fn welcome(
    stream: TcpStream,
    _place: (Option<OwnedSemaphorePermit>, OwnedSemaphorePermit, Counted),
    https: Option<Acceptor>,
    limits: Limits,
    routes: Router,
    stopped: watch::Receiver<bool>,
) {
    let routes = match stream.peer_addr() {
        Ok(address) => routes.layer(axum::Extension(Peer(address))),
        // It is gone already.
        Err(_) => return,
    };
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection keeps Nagle's algorithm");
    }
    let Some(https) = https else { return converse(stream, limits, routes, stopped).await };
    match https.accept(stream, limits.header_time).await {
        Ok(stream) => converse(stream, limits, routes, stopped).await,
        Err(error) => tracing::debug!(%error, "a client's TLS handshake failed"),
    }
}

/// Request after request.
async fn converse<S>(stream: S, limits: Limits, routes: Router, mut stopped: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_time)
        .max_buf_size(limits.header_bytes)
        .max_headers(limits.headers)
        .serve_connection(TokioIo::new(Patient::new(stream, limits.write_time)), TowerToHyperService::new(routes));
    tokio::pin!(connection);
    let told = async { drop(stopped.wait_for(|stopped| *stopped).await) };
    let ended = tokio::select! {
        result = connection.as_mut() => Some(result),
        () = told => None,
    };
    let result = if let Some(result) = ended {
        result
    } else {
        connection.as_mut().graceful_shutdown();
        connection.await
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection ended");
    }
}
