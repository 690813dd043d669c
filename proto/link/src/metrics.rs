//! Metrics in OpenMetrics text, which Prometheus reads, and the door that they are read at: `GET /metrics`, never on the API's port.
//!
//! A part counts in its own [`Registry`] and hands it over as a [`Part`]; the process opens a door per configured [`Address`] and shows
//! there what its parts count. What is not counted as it happens (rows, files) is looked up when somebody asks, by the part's `refresh`.
//!
//! Invariants: labels come from lists that are known when the program is built, but for hosts' ids; nothing that a client of the API sends
//! becomes a label. No secret, account or address is a label or a value.

mod door;
mod process;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::AtomicU64;

pub use prometheus_client::metrics::counter::Counter;
pub use prometheus_client::metrics::family::Family;
pub use prometheus_client::metrics::gauge::Gauge;
pub use prometheus_client::metrics::histogram::Histogram;
pub use prometheus_client::registry::{Registry, Unit};
use serde::{Deserialize, Serialize};

pub use door::{Door, Doors};

/// Label names and their values.
pub type Labels<const N: usize> = [(&'static str, &'static str); N];

/// Counters by labels.
pub type Counters<const N: usize> = Family<Labels<N>, Counter>;

/// Gauges by labels.
pub type Gauges<const N: usize> = Family<Labels<N>, Gauge>;

/// Latencies by labels, in seconds.
pub type Latencies<const N: usize> = Family<Labels<N>, Histogram>;

/// A gauge of seconds or of another amount that is no whole number.
pub type Measure = Gauge<f64, AtomicU64>;

/// From half a millisecond to half a minute: what is faster is fast, what is slower has met a timeout.
const BUCKETS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];

/// One latency.
pub fn latency() -> Histogram {
    Histogram::new(BUCKETS)
}

/// Latencies by labels.
pub fn latencies<const N: usize>() -> Latencies<N> {
    Family::new_with_constructor(latency as fn() -> Histogram)
}

/// Where metrics are read: a loopback address such as `127.0.0.1:9273`, or the absolute path of a Unix socket that root and the process's
/// own user may open. Plain HTTP, so that it does not leave the host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// Why a text is no [`Address`].
#[derive(Debug, thiserror::Error)]
#[error("metrics = \"{0}\" is neither a loopback address such as 127.0.0.1:9273 nor the absolute path of a Unix socket")]
pub struct NoAddress(String);

impl TryFrom<String> for Address {
    type Error = NoAddress;

    fn try_from(text: String) -> Result<Self, NoAddress> {
        if text.starts_with('/') {
            return Ok(Self::Unix(text.into()));
        }
        match text.parse::<SocketAddr>() {
            Ok(address) if address.ip().is_loopback() => Ok(Self::Tcp(address)),
            _ => Err(NoAddress(text)),
        }
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(formatter),
            Self::Unix(path) => path.display().fmt(formatter),
        }
    }
}

type Refresh = Box<dyn Fn() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// What one part of the product has to tell.
pub struct Part {
    registry: Registry,
    refresh: Option<Refresh>,
}

impl Part {
    pub fn new(registry: Registry) -> Self {
        Self { registry, refresh: None }
    }

    /// Has `refresh` run before each reading, for at most a few seconds. What it could not find out it must take away, not leave standing.
    #[must_use]
    pub fn refreshed<F>(mut self, refresh: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.refresh = Some(Box::new(move || Box::pin(refresh())));
        self
    }
}
