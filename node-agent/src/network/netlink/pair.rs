//! Pairs of links, as seen from one of the namespaces that they join.

use std::collections::BTreeMap;

use futures_util::TryStreamExt;
use rtnetlink::packet_route::link::{LinkAttribute, LinkMessage};

use super::{Error, Netlink, name};

/// One end of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    pub index: u32,
    /// Of the other end, in its namespace.
    pub other: Option<u32>,
}

impl End {
    /// Whether the two are ends of one pair.
    pub fn leads_to(&self, other: &Self) -> bool {
        self.other == Some(other.index) && other.other == Some(self.index)
    }
}

impl Netlink {
    /// The links whose names start with `prefix`.
    pub async fn ends(&self, prefix: &str) -> Result<BTreeMap<String, End>, Error> {
        let links: Vec<LinkMessage> = self.handle.link().get().execute().try_collect().await.map_err(Error::netlink("list links"))?;
        let end = |link: &LinkMessage| {
            let other = link.attributes.iter().find_map(|it| if let LinkAttribute::Link(other) = it { Some(*other) } else { None });
            Some((name(link).filter(|name| name.starts_with(prefix))?, End { index: link.header.index, other }))
        };
        Ok(links.iter().filter_map(end).collect())
    }
}
