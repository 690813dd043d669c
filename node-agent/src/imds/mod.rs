//! The instance metadata service, as EC2 has it on 169.254.169.254.
//!
//! Owns: what an instance may read about itself, and the session tokens of version 2. Does not own the namespace its listener is in
//! (`network::services` makes it) nor any fact: everything comes from the plan.
//!
//! Invariants:
//! - A caller is known by its source address, which the namespace's filter binds to its tap; it reads its own instance's metadata only.
//! - Tokens are stateless: sealed by a key on the host's disk, so that they outlive the agent; and good for one instance only.
//! - Connections, headers, and time are bounded, for the VPC and for each caller.

mod document;
mod router;
mod server;
mod token;
mod tree;

use std::io;
use std::path::Path;
use std::sync::Arc;

use freehold_proto::clock::Clock;

pub use server::serve;
use token::Tokens;

/// What the services of all VPCs of a host share.
pub struct Service {
    tokens: Tokens,
    clock: Arc<dyn Clock>,
}

impl Service {
    /// With the key in `directory`, drawn on first use.
    pub fn open(directory: &Path, clock: Arc<dyn Clock>) -> io::Result<Self> {
        Ok(Self { tokens: Tokens::open(directory)?, clock })
    }
}
