//! The hosts that are here right now: their sessions, and what can be asked of them.

/// The registry of attending hosts.
#[derive(Default)]
pub struct Hosts {}
