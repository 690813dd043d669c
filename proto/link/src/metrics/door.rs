//! The door: HTTP/1.1, one path, few connections, every wait bounded. Nothing that a reader does can hold up what is counted.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::{Address, Part, process};

const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Readers at once; more wait.
const CONNECTIONS: usize = 8;

/// For a request's headers to arrive, and for the next request on a connection that is kept.
const HEADERS: Duration = Duration::from_secs(75);

/// For what is looked up when somebody asks.
const REFRESH: Duration = Duration::from_secs(5);

/// A connection's longest life, so that a reader that does not read loses its place.
const CONNECTION: Duration = Duration::from_mins(10);

/// After a failure to accept (no file descriptors, most likely).
const PAUSE: Duration = Duration::from_millis(100);

/// The doors of a process, an address each: parts with the same one are shown together.
#[derive(Default)]
pub struct Doors(BTreeMap<Address, Vec<Part>>);

impl Doors {
    /// Shows `part` at `address`; without one it is not shown.
    pub fn show(&mut self, address: Option<&Address>, part: Part) {
        if let Some(address) = address {
            self.0.entry(address.clone()).or_default().push(part);
        }
    }

    /// Takes all addresses.
    pub async fn open(self) -> Result<Vec<Door>, crate::BoxError> {
        let mut doors = Vec::new();
        for (address, parts) in self.0 {
            doors.push(
                Door::open(&address, parts).await.map_err(|error| format!("the metrics' door {address} can not be opened: {error}"))?,
            );
        }
        Ok(doors)
    }
}

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// One open door.
pub struct Door {
    listener: Listener,
    address: Address,
    shown: Arc<Shown>,
}

/// What a door shows, and how long it waits for what is to be looked up.
struct Shown {
    parts: Vec<Part>,
    patience: Duration,
}

impl Door {
    /// Takes the address.
    pub async fn open(address: &Address, parts: Vec<Part>) -> io::Result<Self> {
        Self::open_patient(address, parts, REFRESH).await
    }

    pub(super) async fn open_patient(address: &Address, mut parts: Vec<Part>, patience: Duration) -> io::Result<Self> {
        let (listener, address) = match address {
            Address::Tcp(wanted) => {
                let listener = TcpListener::bind(wanted).await?;
                let address = Address::Tcp(listener.local_addr()?);
                (Listener::Tcp(listener), address)
            }
            Address::Unix(path) => (Listener::Unix(crate::unix::bind(path)?), address.clone()),
        };
        parts.push(process::part());
        Ok(Self { listener, address, shown: Arc::new(Shown { parts, patience }) })
    }

    /// Where it is; of use where the configuration left the port to the system.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Answers until `shutdown` resolves.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) {
        tokio::select! {
            () = self.accept() => {}
            () = shutdown => {}
        }
    }

    async fn accept(&self) {
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        let mut readers = JoinSet::new();
        // The semaphore is never closed.
        while let Ok(place) = Arc::clone(&places).acquire_owned().await {
            let shown = Arc::clone(&self.shown);
            let accepted = match &self.listener {
                Listener::Tcp(listener) => listener.accept().await.map(|(stream, _)| boxed(stream)),
                Listener::Unix(listener) => listener.accept().await.map(|(stream, _)| boxed(stream)),
            };
            while readers.try_join_next().is_some() {}
            match accepted {
                Ok(stream) => drop(readers.spawn(async move {
                    // A reader that misbehaves is none of the operator's business.
                    let _ = tokio::time::timeout(CONNECTION, converse(stream, shown)).await;
                    drop(place);
                })),
                Err(error) => {
                    tracing::warn!(%error, "a reader of metrics could not be accepted");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

trait Stream: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin {}
impl<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin> Stream for S {}

fn boxed(stream: impl Stream + 'static) -> Box<dyn Stream> {
    Box::new(stream)
}

async fn converse(stream: Box<dyn Stream>, shown: Arc<Shown>) -> Result<(), hyper::Error> {
    let answer = service_fn(move |request: Request<Incoming>| {
        let shown = Arc::clone(&shown);
        async move { Ok::<_, Infallible>(answer(&request, &shown).await) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS)
        .max_buf_size(16 << 10)
        .serve_connection(TokioIo::new(stream), answer)
        .await
}

async fn answer(request: &Request<Incoming>, Shown { parts, patience }: &Shown) -> Response<Full<Bytes>> {
    if request.uri().path() != "/metrics" {
        return plain(StatusCode::NOT_FOUND, "the metrics are at /metrics\n");
    }
    if request.method() != Method::GET {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "read the metrics by GET\n");
    }
    for part in parts {
        if let Some(refresh) = &part.refresh
            && tokio::time::timeout(*patience, refresh()).await.is_err()
        {
            // Old figures would look like new ones.
            return plain(StatusCode::SERVICE_UNAVAILABLE, "what is to be looked up could not be in time\n");
        }
    }
    match exposition(parts) {
        Ok(text) => respond(StatusCode::OK, CONTENT_TYPE, text),
        Err(error) => {
            tracing::error!(%error, "the metrics can not be written");
            plain(StatusCode::INTERNAL_SERVER_ERROR, "the metrics can not be written\n")
        }
    }
}

/// The text of all parts.
fn exposition(parts: &[Part]) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    for part in parts {
        encode_registry(&mut text, &part.registry)?;
    }
    encode_eof(&mut text)?;
    Ok(text)
}

fn plain(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    respond(status, "text/plain; charset=utf-8", text.to_owned())
}

fn respond(status: StatusCode, content_type: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(content_type));
    response
}
