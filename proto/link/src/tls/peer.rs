//! Who is at the other end of a TLS connection, and what it may call.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::SystemTime;
use std::{io, mem};

use freehold_proto::clock::Clock;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
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
    expires: Option<SystemTime>,
}

impl Peer {
    /// The certificate has been verified by the handshake. One that says nothing of Freehold's is worth nothing.
    fn of(stream: &TlsStream<TcpStream>) -> io::Result<Self> {
        let Some([leaf, ..]) = stream.get_ref().1.peer_certificates() else { return Ok(Self::default()) };
        let read = Read::from(leaf).ok_or_else(|| io::Error::other("the peer's certificate does not say who it is"))?;
        Ok(Self { identity: Some(read.identity), expires: Some(read.expires) })
    }

    /// For tests of what is served to whom.
    pub fn known(identity: Identity) -> Self {
        Self { identity: Some(identity), expires: None }
    }
}

/// Whether this peer may call this path.
pub type Admits = fn(Option<&Identity>, path: &str) -> bool;

/// A connection that ends with its peer's certificate.
pub(super) struct Conversation {
    stream: TlsStream<TcpStream>,
    peer: Peer,
    clock: Arc<dyn Clock>,
}

impl Conversation {
    pub fn new(stream: TlsStream<TcpStream>, clock: Arc<dyn Clock>) -> io::Result<Self> {
        Ok(Self { peer: Peer::of(&stream)?, stream, clock })
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
        if self.peer.expires.is_some_and(|expires| self.clock.now() >= expires) {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionReset, "the peer's certificate has expired")));
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

/// Stands before the routes: refuses a call that its peer may not make.
#[derive(Clone)]
pub(super) struct Doorkeeper<S> {
    pub inner: S,
    pub admits: Admits,
}

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
        let identity = request.extensions().get::<Peer>().and_then(|peer| peer.identity.as_ref());
        let path = request.uri().path();
        if (self.admits)(identity, path) {
            // The clone that was polled ready serves this call.
            let next = self.inner.clone();
            let mut ready = mem::replace(&mut self.inner, next);
            return Box::pin(async move { ready.call(request).await });
        }
        let who = identity.map_or_else(|| "a peer without a certificate".to_owned(), ToString::to_string);
        tracing::warn!(who, path, "refused a call that is not this peer's to make");
        let refused = Status::permission_denied(format!("{who} may not call {path}"));
        Box::pin(async move { Ok(refused.into_http()) })
    }
}
