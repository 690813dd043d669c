//! Channels to parts on other hosts.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use freehold_proto::clock::Clock;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::{Channel, Endpoint};
use tower::ServiceExt;

use super::{Current, config};
use crate::unix::{CONNECT_TIMEOUT, SILENCE};

/// Where another could be asked, one that says nothing is left sooner than [`SILENCE`] has it.
const IMPATIENCE: Duration = Duration::from_secs(5);

/// A channel that connects when first used and again after a failure, to one of `addresses` (`host:port`, each tried in turn), and believes
/// whoever has a certificate for `name`. Each attempt to connect is bounded; each call's own bound is the caller's.
pub fn channel(
    addresses: Vec<String>,
    name: &'static str,
    current: &Arc<Current>,
    clock: &Arc<dyn Clock>,
) -> Result<Channel, rustls::Error> {
    Ok(over(addresses, name, config::client(current, clock)?))
}

/// As a [`crate::Service`] that begins a new connection with each new certificate, so that calls under way finish on the old one, long before
/// that ends with its certificate.
pub fn service(
    addresses: Vec<String>,
    name: &'static str,
    current: &Arc<Current>,
    clock: &Arc<dyn Clock>,
) -> Result<crate::Service, rustls::Error> {
    let config = config::client(current, clock)?;
    let opened = Mutex::new((current.get(), over(addresses.clone(), name, config.clone())));
    let current = Arc::clone(current);
    let channel = move || {
        let mut opened = opened.lock().unwrap_or_else(PoisonError::into_inner);
        let credentials = current.get();
        if !Arc::ptr_eq(&opened.0, &credentials) {
            *opened = (credentials, over(addresses.clone(), name, config.clone()));
        }
        opened.1.clone()
    };
    let channel = Arc::new(channel);
    Ok(tower::util::BoxCloneSyncService::new(tower::service_fn(move |request| {
        let channel = channel();
        async move { channel.oneshot(request).await.map_err(|error| crate::Unreachable(error.into())) }
    })))
}

pub(super) fn over(addresses: Vec<String>, name: &'static str, config: ClientConfig) -> Channel {
    let (connector, addresses) = (TlsConnector::from(Arc::new(config)), Arc::new(addresses));
    let turn = Arc::new(AtomicUsize::new(0));
    let silence = if addresses.len() > 1 { IMPATIENCE } else { SILENCE };
    // The address stands in no request that matters: the connector knows its own.
    let endpoint = Endpoint::from_static("http://part.freehold.internal").connect_timeout(CONNECT_TIMEOUT);
    endpoint.http2_keep_alive_interval(silence).keep_alive_timeout(silence).connect_with_connector_lazy(tower::service_fn(
        move |_: http::Uri| {
            let (connector, addresses) = (connector.clone(), Arc::clone(&addresses));
            let first = turn.fetch_add(1, Ordering::Relaxed);
            async move { connect(&connector, &addresses, first, name).await.map(TokioIo::new) }
        },
    ))
}

/// The first address that answers, beginning with the `first`-th: one that swallows packets does not stand in the way twice.
async fn connect(connector: &TlsConnector, addresses: &[String], first: usize, name: &'static str) -> io::Result<TlsStream<TcpStream>> {
    let share = CONNECT_TIMEOUT / u32::try_from(addresses.len().max(1)).unwrap_or(u32::MAX);
    let mut last = io::Error::new(io::ErrorKind::NotFound, "no address is known");
    for at in 0..addresses.len() {
        let address = &addresses[(first + at) % addresses.len()];
        match dial(connector, address, name, share).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = io::Error::new(error.kind(), format!("{address}: {error}")),
        }
    }
    Err(last)
}

async fn dial(connector: &TlsConnector, address: &str, name: &'static str, within: Duration) -> io::Result<TlsStream<TcpStream>> {
    let shake = async {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        connector.connect(ServerName::try_from(name).map_err(io::Error::other)?, stream).await
    };
    tokio::time::timeout(within, shake).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// For a client of HTTPS that believes one authority and has no certificate of its own: what asks whether the API answers.
pub struct Visitor(TlsConnector);

impl Visitor {
    /// `authority`: PEM.
    pub fn new(authority: &str, clock: &Arc<dyn Clock>) -> Result<Self, rustls::Error> {
        Ok(Self(TlsConnector::from(Arc::new(config::visitor(authority, clock)?))))
    }

    /// The handshake's own bound is the caller's.
    pub async fn connect(&self, name: String, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.0.connect(ServerName::try_from(name).map_err(io::Error::other)?, stream).await
    }
}
