//! How the parts of Freehold talk to each other.
//!
//! Owns: Unix-socket servers that admit by peer credentials, TLS servers that admit by certificate, channels to both with bounded waits, what
//! certificates, join tokens and grants look like, the raw-bytes gRPC codec of the seam, the start of logging, the door that metrics are read
//! at, shares of what peers compete for. Decides nothing: who may call what is said by whoever serves.

mod ending;
pub mod grant;
pub mod identity;
pub mod metrics;
pub mod open_files;
#[cfg(feature = "otlp")]
mod otlp;
pub mod program;
pub mod raw;
pub mod shares;
pub mod telemetry;
pub mod tls;
pub mod token;
pub mod trace;
pub mod unix;

/// A gRPC service as a cloneable tower service: a channel to another process and the routes of the same process look alike,
/// so that one process needs no HTTP/2 to speak to itself.
pub type Service = tower::util::BoxCloneSyncService<http::Request<tonic::body::Body>, http::Response<tonic::body::Body>, Unreachable>;

/// The other part did not take a call. A type of its own and not a boxed error: with a boxed one the compiler can not see that a generated
/// client's calls over a [`Service`] are `Send`.
#[derive(Debug, thiserror::Error)]
#[error("a part of Freehold can not be reached")]
pub struct Unreachable(#[source] pub BoxError);

pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
