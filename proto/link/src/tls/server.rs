//! A TLS server of gRPC.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use freehold_proto::clock::Clock;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Server;

use super::peer::{Conversation, Doorkeeper};
use super::{Admits, Current, config};
use crate::BoxError;
use crate::shares::{Shares, source};
use crate::unix::SILENCE;

/// After an accept that failed, most likely for want of file descriptors.
const BREATHER: Duration = Duration::from_millis(50);

/// What peers may take of a server. A stranger is who shows no certificate, or one that is nobody's any more.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Handshakes under way at once; further connections wait in the kernel's queue.
    pub handshakes: usize,
    /// Of these, from one address; further ones are hung up on.
    pub handshakes_each: usize,
    /// Connections of strangers at once, and from one address; further ones are hung up on.
    pub strangers: usize,
    pub strangers_each: usize,
    /// As long as a stranger's connection lasts: a join is one short call.
    pub stranger_for: Duration,
    /// Calls of peers without a certificate at once, and how long each may take.
    pub stranger_calls: usize,
    pub stranger_call: Duration,
    /// Calls at once on one connection: more than a gateway answers requests.
    pub streams: u32,
}

pub(super) const BOUNDS: Bounds = Bounds {
    handshakes: 256,
    handshakes_each: 32,
    strangers: 128,
    strangers_each: 32,
    stranger_for: Duration::from_mins(1),
    stranger_calls: 32,
    stranger_call: Duration::from_secs(20),
    streams: 1024,
};

/// Serves until `shutdown` resolves. `door` is asked before every call.
pub async fn serve(
    listener: TcpListener,
    routes: tonic::service::Routes,
    door: Arc<dyn Admits>,
    current: &Arc<Current>,
    clock: Arc<dyn Clock>,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), BoxError> {
    serve_within(BOUNDS, listener, routes, door, current, clock, shutdown).await
}

pub(super) async fn serve_within(
    bounds: Bounds,
    listener: TcpListener,
    routes: tonic::service::Routes,
    door: Arc<dyn Admits>,
    current: &Arc<Current>,
    clock: Arc<dyn Clock>,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), BoxError> {
    let acceptor = TlsAcceptor::from(Arc::new(config::server(current, &clock, door.hears_strangers())?));
    let (connections, incoming) = mpsc::channel(1);
    let (asked, strangers) = (Arc::clone(&door), Arc::new(Semaphore::new(bounds.stranger_calls)));
    let keep = move |inner| Doorkeeper { inner, door: asked.clone(), strangers: strangers.clone(), patience: bounds.stranger_call };
    let mut server = Server::builder()
        .http2_keepalive_interval(Some(SILENCE))
        .http2_keepalive_timeout(Some(SILENCE))
        .max_concurrent_streams(bounds.streams)
        .layer(tower::layer::layer_fn(keep));
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = server.add_routes(routes).serve_with_incoming_shutdown(ReceiverStream::new(incoming), async {
        // An error means that the sender is gone, and this future with it.
        let _ = stopped.await;
    });
    let reception = Arc::new(Reception {
        acceptor,
        clock,
        door,
        strangers: Arc::new(Semaphore::new(bounds.strangers)),
        strangers_each: Shares::new(bounds.strangers_each),
        bounds,
    });
    let serving = async {
        tokio::select! {
            ended = serving => ended,
            never = accept(listener, reception, connections) => match never {},
        }
    };
    Ok(crate::ending::until(shutdown, stop, serving).await?)
}

async fn accept(
    listener: TcpListener,
    reception: Arc<Reception>,
    connections: mpsc::Sender<io::Result<Conversation>>,
) -> std::convert::Infallible {
    let places = Arc::new(Semaphore::new(reception.bounds.handshakes));
    let each = Shares::new(reception.bounds.handshakes_each);
    let mut handshakes = JoinSet::new();
    loop {
        // The semaphore is never closed.
        let place = Arc::clone(&places).acquire_owned().await;
        let (stream, from) = match listener.accept().await {
            Ok((stream, from)) => (stream, source(from.ip())),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(BREATHER).await;
                continue;
            }
        };
        while handshakes.try_join_next().is_some() {}
        let Some(share) = each.take(from) else {
            tracing::debug!(%from, "hung up on an address with too many handshakes under way");
            continue;
        };
        let (reception, connections) = (Arc::clone(&reception), connections.clone());
        handshakes.spawn(async move {
            let _places = (place, share);
            match tokio::time::timeout(config::HANDSHAKE, reception.receive(stream, from)).await {
                // An error means that the server has ended.
                Ok(Ok(conversation)) => drop(connections.send(Ok(conversation)).await),
                Ok(Err(error)) => tracing::info!(%from, %error, "refused a TLS connection"),
                Err(_) => tracing::info!(%from, "a TLS handshake took too long"),
            }
        });
    }
}

/// Where connections become conversations.
struct Reception {
    acceptor: TlsAcceptor,
    clock: Arc<dyn Clock>,
    door: Arc<dyn Admits>,
    strangers: Arc<Semaphore>,
    strangers_each: Shares<IpAddr>,
    bounds: Bounds,
}

impl Reception {
    async fn receive(&self, stream: TcpStream, from: IpAddr) -> io::Result<Conversation> {
        if !self.door.is_open() {
            return Err(io::Error::new(io::ErrorKind::ConnectionRefused, "this part can not serve just now"));
        }
        // A server's own setting does nothing for streams handed to it, and Nagle's algorithm would stall every small answer.
        stream.set_nodelay(true)?;
        let conversation = Conversation::new(self.acceptor.accept(stream).await?, Arc::clone(&self.clock))?;
        if conversation.peer().identity.is_some() && self.door.knows(conversation.peer()).await {
            let expelled = self.door.expelled(conversation.peer());
            return Ok(conversation.until(expelled));
        }
        let place = Arc::clone(&self.strangers).try_acquire_owned().ok().zip(self.strangers_each.take(from));
        let Some((place, share)) = place else {
            return Err(io::Error::new(io::ErrorKind::ConnectionRefused, "too many peers without a valid certificate are connected"));
        };
        let over = tokio::time::sleep(self.bounds.stranger_for);
        Ok(conversation.in_place([place, share]).until(Box::pin(over)))
    }
}
