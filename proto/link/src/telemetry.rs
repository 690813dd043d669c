//! Logs: to stderr, so that journald or whoever started the process keeps them. `FREEHOLD_LOG` filters (`info` by default).
//!
//! With the feature `otlp`, spans too: to the collector that `OTEL_EXPORTER_OTLP_ENDPOINT` names, by gRPC.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Starts logging for this process. Called once, by the binary, inside its runtime: what is exported is sent from there.
pub fn init() {
    let filter = EnvFilter::try_from_env("FREEHOLD_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = std::io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(colours).with_target(false);
    let subscriber = tracing_subscriber::registry().with(filter).with(lines);
    #[cfg(feature = "otlp")]
    let subscriber = subscriber.with(crate::otlp::layer());
    // A second call (tests in one process) keeps the first subscriber.
    let _ = subscriber.try_init();
}
