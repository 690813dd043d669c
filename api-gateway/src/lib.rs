//! Every AWS door: verifies signatures, decodes requests into protobuf bytes, encodes answers as XML. No state of its own, no code per EC2
//! action.
//!
//! ```text
//! server ─▶ door ─▶ body ─▶ sigv4 ◀─ day_keys ─▶ query ─▶ codec ─▶ backend ─▶ codec ─▶ client
//!                     └──────────────┴────── problem ─▶ dialect ──────┴────────────────▶ client
//! ```

mod backend;
mod body;
pub mod codec;
mod config;
mod day_keys;
mod dialect;
mod door;
mod form;
mod key_feed;
mod line;
mod metrics;
mod patient;
mod problem;
mod query;
mod request;
mod server;
mod service;
mod sigv4;
#[cfg(test)]
mod tests;

pub use backend::Backend;
pub use config::{Config, DayKeyCache, Invalid, Limits};
pub use server::{Gateway, ServeError, serve};
