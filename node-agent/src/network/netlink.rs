//! Links, addresses, routes and neighbours of one namespace, through rtnetlink.
//!
//! Every call is idempotent: what is there already is no error, nor is what is gone already.

mod pair;
mod route;
mod tunnel;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use futures_util::TryStreamExt;
use nix::libc;
use rtnetlink::packet_route::address::AddressAttribute;
use rtnetlink::packet_route::link::{InfoData, InfoVeth, LinkAttribute, LinkMessage};
use rtnetlink::{Handle, LinkMessageBuilder, LinkUnspec, LinkVeth};
use tokio::task::JoinHandle;

pub use pair::End;
pub use route::{Route, Rule, Way};
pub use tunnel::Ends;

use super::Error;
use super::namespace::Namespace;
use super::plan::Mac;

/// A netlink socket that lives in one namespace.
#[derive(Debug)]
pub struct Netlink {
    handle: Handle,
    connection: JoinHandle<()>,
}

impl Drop for Netlink {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

impl Netlink {
    pub async fn open(namespace: &Namespace) -> Result<Self, Error> {
        let (connection, handle, _) = namespace.run(rtnetlink::new_connection).await.map_err(Error::io("open a netlink socket"))?;
        Ok(Self { handle, connection: tokio::spawn(connection) })
    }

    /// Interface names and their indices.
    pub async fn links(&self) -> Result<BTreeMap<String, u32>, Error> {
        let links: Vec<LinkMessage> = self.handle.link().get().execute().try_collect().await.map_err(Error::netlink("list links"))?;
        Ok(links.into_iter().filter_map(|link| Some((name(&link)?, link.header.index))).collect())
    }

    pub async fn index(&self, name: &str) -> Result<Option<u32>, Error> {
        Ok(self.links().await?.get(name).copied())
    }

    /// A pair, one end here, the other in `namespace`.
    pub async fn add_pair(&self, here: (&str, Mac), there: (&str, Mac), namespace: &Namespace) -> Result<(), Error> {
        use std::os::fd::{AsFd, AsRawFd};
        let peer = LinkMessageBuilder::<LinkUnspec>::new()
            .name(there.0)
            .address(there.1.0.to_vec())
            .setns_by_fd(namespace.as_fd().as_raw_fd())
            .build();
        let pair = LinkMessageBuilder::<LinkVeth>::new(here.0, there.0)
            .address(here.1.0.to_vec())
            .set_info_data(InfoData::Veth(InfoVeth::Peer(peer)))
            .build();
        ignoring(libc::EEXIST, self.handle.link().add(pair).execute().await).map_err(Error::netlink("add a pair of links"))
    }

    pub async fn set_up(&self, index: u32) -> Result<(), Error> {
        let link = LinkUnspec::new_with_index(index).up().build();
        self.handle.link().set(link).execute().await.map_err(Error::netlink("set a link up"))
    }

    /// Gives the link its hardware address and MTU, and sets it up.
    pub async fn configure(&self, index: u32, mac: Mac, mtu: u32) -> Result<(), Error> {
        let link = LinkUnspec::new_with_index(index).address(mac.0.to_vec()).mtu(mtu).up().build();
        self.handle.link().set(link).execute().await.map_err(Error::netlink("configure a link"))
    }

    pub async fn delete_link(&self, index: u32) -> Result<(), Error> {
        ignoring(libc::ENODEV, self.handle.link().del(index).execute().await).map_err(Error::netlink("delete a link"))
    }

    /// The link has exactly these addresses, each of itself alone (/32); `keep` tells which others are not ours to judge.
    pub async fn addresses(&self, index: u32, wanted: &BTreeSet<Ipv4Addr>, keep: fn(&Ipv4Addr) -> bool) -> Result<(), Error> {
        let listed = self.handle.address().get().set_link_index_filter(index).execute();
        for message in listed.try_collect::<Vec<_>>().await.map_err(Error::netlink("list addresses"))? {
            let stale = message.attributes.iter().any(|attribute| match attribute {
                AddressAttribute::Address(std::net::IpAddr::V4(address)) => !wanted.contains(address) && !keep(address),
                _ => false,
            });
            if stale {
                let deleted = self.handle.address().del(message).execute().await;
                ignoring(libc::EADDRNOTAVAIL, deleted).map_err(Error::netlink("delete an address"))?;
            }
        }
        for address in wanted {
            let added = self.handle.address().add(index, (*address).into(), 32).execute().await;
            ignoring(libc::EEXIST, added).map_err(Error::netlink("add an address"))?;
        }
        Ok(())
    }

    pub async fn add_neighbour(&self, index: u32, address: Ipv4Addr, mac: Mac) -> Result<(), Error> {
        let neighbour = self.handle.neighbours().add(index, address.into()).link_layer_address(&mac.0).replace();
        neighbour.execute().await.map_err(Error::netlink("add a neighbour"))
    }
}

fn name(link: &LinkMessage) -> Option<String> {
    link.attributes.iter().find_map(|attribute| if let LinkAttribute::IfName(name) = attribute { Some(name.clone()) } else { None })
}

/// Takes one errno for success.
fn ignoring(errno: i32, result: Result<(), rtnetlink::Error>) -> Result<(), rtnetlink::Error> {
    match result {
        Err(rtnetlink::Error::NetlinkError(error)) if error.raw_code() == -errno => Ok(()),
        other => other,
    }
}
