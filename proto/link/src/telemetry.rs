//! Logs: to stderr, so that journald or whoever started the process keeps them. `FREEHOLD_LOG` filters (`info` by default).

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Starts logging for this process. Called once, by the binary.
pub fn init() {
    let filter = EnvFilter::try_from_env("FREEHOLD_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = std::io::stderr().is_terminal();
    // A second call (tests in one process) keeps the first subscriber.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours).with_target(false).try_init();
}
