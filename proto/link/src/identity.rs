//! Who a part is, as its certificate says: `freehold://CLUSTER/KIND/NAME`, a URI in the certificate's subject alternative names.

use std::fmt;
use std::str::FromStr;

const SCHEME: &str = "freehold://";

/// The longest name of a part.
pub const LONGEST_NAME: usize = 64;

/// What a part does, and so what it may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Host,
    Gateway,
    ImageStore,
    Scheduler,
    /// Whoever is root where a scheduler runs.
    Operator,
}

impl Kind {
    pub const ALL: [Self; 5] = [Self::Host, Self::Gateway, Self::ImageStore, Self::Scheduler, Self::Operator];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Gateway => "gateway",
            Self::ImageStore => "image-store",
            Self::Scheduler => "scheduler",
            Self::Operator => "operator",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A part of one cluster.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    pub cluster_id: String,
    pub kind: Kind,
    /// A host's id; any other part's name.
    pub name: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the identity of a part of Freehold")]
pub struct NoIdentity;

/// Letters, digits, dots and dashes: a name stands in a URI and in file names.
pub fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    (1..=LONGEST_NAME).contains(&text.len()) && text.bytes().all(allowed) && !text.starts_with('.')
}

impl fmt::Display for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{SCHEME}{}/{}/{}", self.cluster_id, self.kind, self.name)
    }
}

impl FromStr for Identity {
    type Err = NoIdentity;

    fn from_str(text: &str) -> Result<Self, NoIdentity> {
        let mut words = text.strip_prefix(SCHEME).ok_or(NoIdentity)?.split('/');
        let (Some(cluster_id), Some(kind), Some(name), None) = (words.next(), words.next(), words.next(), words.next()) else {
            return Err(NoIdentity);
        };
        let kind = Kind::parse(kind).ok_or(NoIdentity)?;
        if !is_name(cluster_id) || !is_name(name) {
            return Err(NoIdentity);
        }
        Ok(Self { cluster_id: cluster_id.to_owned(), kind, name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_read_as_it_was_written_and_nothing_else_is_one() {
        for kind in Kind::ALL {
            let identity = Identity { cluster_id: "c-1".into(), kind, name: "host-0123".into() };
            assert_eq!(identity.to_string().parse(), Ok(identity));
        }
        for wrong in [
            "",
            "freehold://c/host",
            "freehold://c/host/",
            "freehold://c/host/a/b",
            "freehold://c/king/a",
            "http://c/host/a",
            "freehold:///host/a",
        ] {
            assert_eq!(wrong.parse::<Identity>(), Err(NoIdentity), "{wrong}");
        }
    }
}
