//! gRPC over TLS 1.3 between hosts. Both sides show certificates of the install's own authority; what a certificate says is who its holder is.
//!
//! ```text
//!   join ──▶ credentials (one file, 0600) ──▶ current ──▶ config ──▶ server, client
//!                        ▲                       ▲
//!                        └────── renewal ────────┘    long before the end, without a restart
//! ```
//!
//! Invariants: a private key never leaves the process and the file that it was made in and for; a connection ends with the certificate that it was
//! opened with, or when its holder is no part any more; what a peer may call is decided before any handler sees the call; nothing here waits
//! without a bound, and whoever is not known gets a small share of everything.

mod authority;
mod client;
mod config;
mod credentials;
mod current;
mod join;
mod peer;
mod renewal;
mod server;
#[cfg(test)]
mod tests;

pub use authority::{Authority, Denied, MOST_NAMES, generate as generate_authority, is_public_name};
pub use client::{Visitor, channel, service};
pub use config::{Acceptor, fingerprint};
pub use credentials::{Credentials, Key, Reach, Unusable, pem};
pub use current::Current;
pub use join::{JoinError, Joined, join};
pub use peer::{Admits, Ending, Peer};
pub use renewal::{Attempts, CertifyError, LOOK, Renewal, Wanted, certify};
pub use rustls::Error;
pub use server::serve;

/// The names that certificates of parts that serve other parts carry, whatever their address: a host's certificate has none of them, so that no
/// host can pass for a scheduler.
pub const SCHEDULER: &str = "scheduler.freehold.internal";
pub const IMAGE_STORE: &str = "image-store.freehold.internal";

/// Below this domain only the authority itself names parts.
pub const RESERVED_DOMAIN: &str = "freehold.internal";
