//! The rules of security groups: reading them from a request, telling two apart, and putting them together again for an answer.
//!
//! Pure: no store. A [`Rule`] is one protocol, one port range, one peer: what EC2 gives a `sgr-` id. An `IpPermission` of the API is
//! several of them that share protocol and ports; [`read`] takes it apart, [`grouped`] puts it together.

mod grouping;
mod protocol;
mod rule;

pub use grouping::{GroupedRules, grouped};
pub use protocol::{Ports, Protocol};
pub use rule::{GroupReference, Peer, Permission, PermissionPeer, Rule, RuleSpec, read};

/// EC2's default quota, per direction.
pub const MAX_RULES_PER_DIRECTION: usize = 60;
