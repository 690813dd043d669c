//! The hosts that are here right now: their sessions, and what can be asked of them.

use serde::{Deserialize, Serialize};

/// The registry of attending hosts.
#[derive(Default)]
pub struct Hosts {}

/// A way to run guests that a host offers, as the host's row keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Driver {
    /// "qemu", "simulated"
    pub name: String,
    /// "kvm", "tcg", "none"
    pub accelerator: String,
    /// EC2's word: "x86_64", "arm64"
    pub architecture: String,
}
