//! What a transaction changed, told to followers after its commit: reconcilers and host streams.
//!
//! A hint, not a truth: whoever is told reads the row. So a lost or repeated change costs a read and nothing else.

/// Which table's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    AccessKey,
    Host,
    /// What a host is told of it.
    Instance,
    /// What was observed of it, and nothing that its host must hear.
    InstanceObserved,
    SecurityGroup,
    /// `id` is the host that must bury something.
    Tombstone,
    Vpc,
}

/// One changed row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Change {
    pub kind: Kind,
    pub id: String,
}
