//! Links, addresses, routes and neighbours of one namespace, through rtnetlink.
//!
//! Every call is idempotent: what is there already is no error, nor is what is gone already.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use futures_util::TryStreamExt;
use ipnet::Ipv4Net;
use nix::libc;
use rtnetlink::packet_route::address::AddressAttribute;
use rtnetlink::packet_route::link::{InfoData, InfoVeth, LinkAttribute, LinkMessage};
use rtnetlink::packet_route::route::{RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType};
use rtnetlink::{Handle, LinkMessageBuilder, LinkUnspec, LinkVeth, RouteMessageBuilder};
use tokio::task::JoinHandle;

use super::Error;
use super::namespace::Namespace;
use super::plan::Mac;

/// Marks the routes that are ours, as `ip route` shows it ("proto 70"); others are left alone.
const PROTOCOL: RouteProtocol = RouteProtocol::Other(70);

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

/// A route of ours.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    pub to: Ipv4Net,
    /// The interface's index; none for addresses that must lead nowhere.
    pub link: Option<u32>,
    /// A next hop that need not be on a common subnet.
    pub via: Option<Ipv4Addr>,
    pub source: Option<Ipv4Addr>,
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

    /// Our routes over links that `ours` names (or over none) are exactly these.
    pub async fn routes(&self, wanted: &BTreeSet<Route>, ours: &BTreeSet<u32>) -> Result<(), Error> {
        for route in wanted {
            let added = self.handle.route().add(route.message()).replace().execute().await;
            added.map_err(Error::netlink("add a route"))?;
        }
        for message in self.our_routes().await? {
            let route = Route::read(&message);
            let judged = route.link.is_none_or(|link| ours.contains(&link));
            // The kernel names the loopback link for a route that leads nowhere.
            let stays = wanted.iter().any(|wanted| wanted.to == route.to && (wanted.link == route.link || wanted.link.is_none()));
            if judged && !stays {
                let deleted = self.handle.route().del(message).execute().await;
                ignoring(libc::ESRCH, deleted).map_err(Error::netlink("delete a route"))?;
            }
        }
        Ok(())
    }

    /// Interfaces over which a default route leads.
    pub async fn default_links(&self) -> Result<BTreeSet<u32>, Error> {
        let routes = self.list_routes().await?;
        let main = |route: &&RouteMessage| route.header.table == RouteHeader::RT_TABLE_MAIN && route.header.destination_prefix_length == 0;
        Ok(routes.iter().filter(main).filter_map(|route| Route::read(route).link).collect())
    }

    async fn our_routes(&self) -> Result<Vec<RouteMessage>, Error> {
        Ok(self.list_routes().await?.into_iter().filter(|route| route.header.protocol == PROTOCOL).collect())
    }

    async fn list_routes(&self) -> Result<Vec<RouteMessage>, Error> {
        let all = RouteMessageBuilder::<Ipv4Addr>::new().build();
        self.handle.route().get(all).execute().try_collect().await.map_err(Error::netlink("list routes"))
    }
}

impl Route {
    fn message(&self) -> RouteMessage {
        let route = RouteMessageBuilder::<Ipv4Addr>::new().protocol(PROTOCOL).destination_prefix(self.to.addr(), self.to.prefix_len());
        let route = match self.link {
            Some(link) => route.output_interface(link),
            None => route.kind(RouteType::Unreachable),
        };
        let route = match self.via {
            Some(via) => route.gateway(via).onlink(),
            None if self.link.is_some() => route.scope(RouteScope::Link),
            None => route,
        };
        match self.source {
            Some(source) => route.pref_source(source).build(),
            None => route.build(),
        }
    }

    fn read(message: &RouteMessage) -> Self {
        let mut route = Self { to: Ipv4Net::default(), link: None, via: None, source: None };
        for attribute in &message.attributes {
            match attribute {
                RouteAttribute::Destination(RouteAddress::Inet(address)) => {
                    route.to = Ipv4Net::new(*address, message.header.destination_prefix_length).unwrap_or_default();
                }
                RouteAttribute::Oif(link) => route.link = Some(*link),
                RouteAttribute::Gateway(RouteAddress::Inet(via)) => route.via = Some(*via),
                RouteAttribute::PrefSource(RouteAddress::Inet(source)) => route.source = Some(*source),
                _ => {}
            }
        }
        route
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
