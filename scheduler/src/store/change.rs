//! What changed, as followers hear of it after the commit: reconcilers and host streams.
//!
//! A hint, not a truth: whoever is told reads the row. So a repeated change costs a read and nothing else. Who may have missed some
//! (the channel says so) reads everything.

use super::feed::triggers::Table;

/// What followers must look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    AccessKey,
    AddressPool,
    /// `id` is the host that is asked, or that has answered.
    ConsoleQuestion,
    Host,
    /// What a host is told of it.
    Instance,
    /// Anything of its row: most of it is what its own host observed, which that host need not hear.
    InstanceObserved,
    NatGateway,
    /// A network interface, what it is attached to, its addresses or its groups.
    Interface,
    /// `id` is its name; there may be parts of several kinds that have it.
    Part,
    SecurityGroup,
    /// `id` is the host that must bury something.
    Tombstone,
    Vpc,
}

/// What the feed calls an instance of which its host must be told: no row's change says that.
const INSTANCE_TOLD: &str = "instance told";

/// What it calls a question to a host.
const CONSOLE_QUESTION: &str = "console question";

impl Kind {
    /// None for a row that is the World's alone to follow.
    fn of_row(table: Table) -> Option<Self> {
        match table {
            Table::AccessKey => Some(Self::AccessKey),
            Table::AddressPool => Some(Self::AddressPool),
            Table::Host => Some(Self::Host),
            Table::Instance => Some(Self::InstanceObserved),
            Table::NatGateway => Some(Self::NatGateway),
            Table::NetworkInterface | Table::NetworkInterfaceAttachment | Table::PrivateAddress | Table::InterfaceSecurityGroup => {
                Some(Self::Interface)
            }
            Table::Part => Some(Self::Part),
            Table::SecurityGroup => Some(Self::SecurityGroup),
            Table::Tombstone => Some(Self::Tombstone),
            Table::Vpc => Some(Self::Vpc),
            _ => None,
        }
    }

    /// What the feed calls it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::AccessKey => Table::AccessKey.name(),
            Self::AddressPool => Table::AddressPool.name(),
            Self::ConsoleQuestion => CONSOLE_QUESTION,
            Self::Host => Table::Host.name(),
            Self::Instance => INSTANCE_TOLD,
            Self::InstanceObserved => Table::Instance.name(),
            Self::NatGateway => Table::NatGateway.name(),
            Self::Interface => Table::NetworkInterface.name(),
            Self::Part => Table::Part.name(),
            Self::SecurityGroup => Table::SecurityGroup.name(),
            Self::Tombstone => Table::Tombstone.name(),
            Self::Vpc => Table::Vpc.name(),
        }
    }

    /// A newer scheduler may write words that this one does not know.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        match word {
            INSTANCE_TOLD => Some(Self::Instance),
            CONSOLE_QUESTION => Some(Self::ConsoleQuestion),
            _ => Table::parse(word).and_then(Self::of_row),
        }
    }
}

/// One changed row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Change {
    pub kind: Kind,
    pub id: String,
}
