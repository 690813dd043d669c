//! The rules of security groups: reading them from a request, telling two apart, and putting them together again for an answer.
//!
//! Pure: no store. A [`Rule`] is one protocol, one port range, one peer: what EC2 gives a `sgr-` id. An `IpPermission` of the API is
//! several of them that share protocol and ports; [`read`] takes it apart, [`grouped`] puts it together.

mod grouping;
mod protocol;
mod rule;
mod words;

pub use grouping::{GroupedRules, grouped};
pub use protocol::{Ports, Protocol};
pub use rule::{Direction, GroupReference, Peer, Permission, PermissionPeer, Rule, RuleSpec, read};
pub use words::{DEFAULT, check_description, check_name};

/// EC2's default quota, of a region.
pub const MOST: u64 = 2_500;

/// EC2's default quota, per direction.
pub const MAX_RULES_PER_DIRECTION: u64 = 60;
