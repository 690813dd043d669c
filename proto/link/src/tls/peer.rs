//! Who is at the other end of a TLS connection, and what it may call.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};
use std::{io, mem};

use freehold_proto::clock::Clock;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::server::TlsStream;
use tonic::Status;
use tonic::body::Body;
use tonic::transport::server::Connected;

use super::credentials::Read;
use crate::identity::Identity;

/// In the extensions of every request that came over TLS; absent from one that came over a Unix socket or from the same process.
#[derive(Clone, Debug, Default)]
pub struct Peer {
    /// `None`: it showed no certificate.
    pub identity: Option<Identity>,
    /// SHA-256 of the key in its certificate, as [`super::Authority::requested_key`] has it of a request.
    pub key: Option<[u8; 32]>,
    expires: Option<SystemTime>,
}

impl Peer {
    /// The certificate has been verified by the handshake. One that says nothing of Freehold's is worth nothing.
    fn of(stream: &TlsStream<TcpStream>) -> io::Result<Self> {
        let Some([leaf, ..]) = stream.get_ref().1.peer_certificates() else { return Ok(Self::default()) };
        Self::shown(leaf).ok_or_else(|| io::Error::other("the peer's certificate does not say who it is"))
    }

    /// Who shows this certificate (DER), whose signature somebody else has verified.
    pub fn shown(certificate: &[u8]) -> Option<Self> {
        let Read { identity, key, expires, .. } = Read::from(certificate)?;
        Some(Self { identity: Some(identity), key: Some(key), expires: Some(expires) })
    }

    /// For tests of what is served to whom.
    pub fn known(identity: Identity) -> Self {
        Self { identity: Some(identity), key: None, expires: None }
    }

    /// What a log calls it.
    pub fn who(&self) -> String {
        self.identity.as_ref().map_or_else(|| "a peer without a certificate".to_owned(), ToString::to_string)
    }
}

/// Resolves when a connection is to end.
pub type Ending = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Who is spoken with at a door, and about what.
#[tonic::async_trait]
pub trait Admits: Send + Sync + 'static {
    /// Whether anybody is let in just now. Who is not may find another door.
    fn is_open(&self) -> bool {
        true
    }

    /// Whether peers that are not known are heard at all: without a certificate, or with one that is nobody's any more.
    fn hears_strangers(&self) -> bool;

    /// Whether the holder of this certificate is one of the cluster's parts now.
    async fn knows(&self, peer: &Peer) -> bool;

    /// Whether this peer may call this path, and if not, what it is told.
    async fn admits(&self, peer: &Peer, path: &str) -> Result<(), Status>;

    /// Resolves when a peer that was known is so no longer: then its connection ends, with all that it holds open.
    fn expelled(&self, peer: &Peer) -> Ending;
}

/// A connection that ends with its peer's certificate, or before.
pub(super) struct Conversation {
    stream: TlsStream<TcpStream>,
    peer: Peer,
    clock: Arc<dyn Clock>,
    ending: Option<Ending>,
    /// Of those kept for strangers.
    _place: Option<[OwnedSemaphorePermit; 2]>,
}

impl Conversation {
    pub fn new(stream: TlsStream<TcpStream>, clock: Arc<dyn Clock>) -> io::Result<Self> {
        Ok(Self { peer: Peer::of(&stream)?, stream, clock, ending: None, _place: None })
    }

    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    pub fn until(self, ending: Ending) -> Self {
        Self { ending: Some(ending), ..self }
    }

    pub fn in_place(self, place: [OwnedSemaphorePermit; 2]) -> Self {
        Self { _place: Some(place), ..self }
    }

    /// Why it is over, if it is.
    fn over(&mut self, context: &mut Context<'_>) -> Option<&'static str> {
        if self.peer.expires.is_some_and(|expires| self.clock.now() >= expires) {
            return Some("the peer's certificate has expired");
        }
        match self.ending.as_mut().map(|ending| ending.as_mut().poll(context)) {
            Some(Poll::Ready(())) => Some("the peer is not spoken with any longer"),
            _ => None,
        }
    }
}

impl Connected for Conversation {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for Conversation {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Some(why) = self.over(context) {
            // Once it is over it stays so, and a future that has resolved is not asked again.
            self.ending = Some(Box::pin(std::future::ready(())));
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionReset, why)));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Conversation {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Stands before the routes: refuses a call that its peer may not make, and bounds what is called without a certificate.
#[derive(Clone)]
pub(super) struct Doorkeeper<S> {
    pub inner: S,
    pub door: Arc<dyn Admits>,
    /// Calls of peers without a certificate: so many at once, each for so long.
    pub strangers: Arc<Semaphore>,
    pub patience: Duration,
}

/// Of a path that was refused as much stands in the log.
const PATH_LOGGED: usize = 128;

impl<S> tower::Service<http::Request<Body>> for Doorkeeper<S>
where
    S: tower::Service<http::Request<Body>, Response = http::Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        // The clone that was polled ready serves this call.
        let next = self.clone();
        let mut ready = mem::replace(self, next);
        let (peer, path) = (request.extensions().get::<Peer>().cloned().unwrap_or_default(), request.uri().path().to_owned());
        Box::pin(async move {
            if let Err(refused) = ready.door.admits(&peer, &path).await {
                let path: String = path.chars().take(PATH_LOGGED).collect();
                tracing::warn!(who = peer.who(), path, reason = refused.message(), "refused a call that is not this peer's to make");
                return Ok(refused.into_http());
            }
            if peer.identity.is_some() {
                return ready.inner.call(request).await;
            }
            let Ok(_place) = ready.strangers.try_acquire() else {
                return Ok(Status::resource_exhausted("too many want to join at this moment; try again").into_http());
            };
            let answer = tokio::time::timeout(ready.patience, ready.inner.call(request)).await;
            answer.unwrap_or_else(|_| Ok(Status::deadline_exceeded("the call took too long").into_http()))
        })
    }
}
