//! The one line that each request leaves in the log, and its share in the metrics, however it ends: also where the client hung up first.

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Instant;

use http::StatusCode;

use crate::metrics::{Metrics, NO_ACTION};

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// What is said of a request whose client did not wait for its answer. No code of AWS's.
const HUNG_UP: &str = "ClientHungUp";

/// One request's line, from its arrival on.
pub struct Line {
    metrics: Metrics,
    started: Instant,
    source: Option<SocketAddr>,
    action: OnceLock<&'static str>,
    told: bool,
}

impl Line {
    pub fn begin(metrics: &Metrics, source: Option<&Peer>) -> Self {
        let source = source.map(|Peer(address)| *address);
        Self { metrics: metrics.clone(), started: Instant::now(), source, action: OnceLock::new(), told: false }
    }

    /// The action is known, and one of the product's.
    pub fn action(&self, name: &'static str) {
        // A request has one action; the first word stands.
        let _ = self.action.set(name);
    }

    /// The answer stands. An empty `code` is success.
    pub fn answered(mut self, status: StatusCode, code: &'static str) {
        self.told = true;
        self.tell(status.as_u16(), code, "answered");
    }

    fn tell(&self, status: u16, code: &'static str, how: &'static str) {
        let elapsed = self.started.elapsed();
        let microseconds = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        let source = self.source.map(tracing::field::display);
        tracing::info!(status, code, microseconds, source, "{how}");
        self.metrics.answered(self.action.get().copied().unwrap_or(NO_ACTION), code, elapsed.as_secs_f64());
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if !self.told {
            // 499, as nginx has it, since there is no such status.
            self.tell(499, HUNG_UP, "not answered");
        }
    }
}
