//! A VPC's VXLAN: its device in the VPC's namespace, its packets on the hosts' network. Nothing is learnt and nothing is flooded: where each host
//! is stands in two tables that are written here.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsFd, AsRawFd};

use futures_util::TryStreamExt;
use nix::libc;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::address::AddressAttribute;
use rtnetlink::packet_route::link::{InfoData, InfoVxlan, LinkAttribute, LinkInfo, LinkMessage};
use rtnetlink::packet_route::neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState};
use rtnetlink::{LinkMessageBuilder, LinkVxlan};

use super::{Error, Netlink, ignoring};
use crate::network::names;
use crate::network::namespace::Namespace;
use crate::network::plan::Mac;

/// What can not be changed of a tunnel once it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    pub vni: u32,
    /// This host's own address.
    pub local: Ipv4Addr,
}

impl Netlink {
    /// A tunnel from this namespace, whose device is in `namespace`.
    pub async fn add_tunnel(&self, name: &str, ends: Ends, namespace: &Namespace) -> Result<(), Error> {
        let Ends { vni, local } = ends;
        let link = LinkMessageBuilder::<LinkVxlan>::new(name).id(vni).local(local).port(names::TUNNEL_PORT).learning(false).gbp();
        let link = link.setns_by_fd(namespace.as_fd().as_raw_fd()).build();
        self.handle.link().add(link).execute().await.map_err(Error::netlink("add a tunnel"))
    }

    /// The tunnel behind a link, if it is one.
    pub async fn tunnel(&self, index: u32) -> Result<Option<Ends>, Error> {
        let found = self.handle.link().get().match_index(index).execute().try_next().await.map_err(Error::netlink("look at a tunnel"))?;
        Ok(found.as_ref().and_then(ends))
    }

    /// MTU of the link that has an address of this namespace.
    pub async fn mtu_at(&self, address: Ipv4Addr) -> Result<Option<u32>, Error> {
        let listed = self.handle.address().get().set_address_filter(IpAddr::V4(address)).execute();
        let found: Vec<_> = listed.try_collect().await.map_err(Error::netlink("list addresses"))?;
        let has = |attribute: &AddressAttribute| matches!(attribute, AddressAttribute::Local(IpAddr::V4(local)) if *local == address);
        let Some(at) = found.iter().find(|message| message.attributes.iter().any(has)) else { return Ok(None) };
        let link = self.handle.link().get().match_index(at.header.index).execute().try_next().await;
        let link = link.map_err(Error::netlink("look at a link"))?;
        Ok(link.and_then(|link| link.attributes.iter().find_map(|it| if let LinkAttribute::Mtu(mtu) = it { Some(*mtu) } else { None })))
    }

    /// The tunnel's neighbours are exactly these, and each of their hosts is where this says. What is new comes first: `tunnel_forgets` afterwards.
    pub async fn tunnel_knows(&self, index: u32, hops: &BTreeMap<Ipv4Addr, Mac>, hosts: &BTreeMap<Mac, Ipv4Addr>) -> Result<(), Error> {
        let known = self.known_hosts(index).await?;
        for (mac, host) in hosts.iter().filter(|(mac, host)| !known.iter().any(|(_, at)| *at == Some((**mac, **host)))) {
            let entry =
                self.handle.neighbours().add_bridge(index, &mac.0).flags(NeighbourFlags::Own).destination(IpAddr::V4(*host)).replace();
            entry.execute().await.map_err(Error::netlink("say where a host is"))?;
        }
        let known = self.known_hops(index).await?;
        for (hop, mac) in hops.iter().filter(|(hop, mac)| !known.iter().any(|(_, at)| *at == Some((**hop, **mac)))) {
            self.add_neighbour(index, *hop, *mac).await?;
        }
        Ok(())
    }

    /// Nothing else is known to the tunnel.
    pub async fn tunnel_forgets(&self, index: u32, hops: &BTreeMap<Ipv4Addr, Mac>, hosts: &BTreeMap<Mac, Ipv4Addr>) -> Result<(), Error> {
        let hops_there = self.known_hops(index).await?;
        let gone = hops_there.into_iter().filter(|(_, at)| !at.is_some_and(|(hop, _)| hops.contains_key(&hop))).map(|(message, _)| message);
        let hosts_there = self.known_hosts(index).await?;
        let lost = hosts_there.into_iter().filter(|(_, at)| !at.is_some_and(|(mac, host)| hosts.get(&mac) == Some(&host)));
        for message in gone.chain(lost.map(|(message, _)| message)) {
            let deleted = self.handle.neighbours().del(message).execute().await;
            ignoring(libc::ENOENT, deleted).map_err(Error::netlink("forget where a host was"))?;
        }
        Ok(())
    }

    async fn known_hops(&self, index: u32) -> Result<Vec<(NeighbourMessage, Option<(Ipv4Addr, Mac)>)>, Error> {
        self.entries(index, AddressFamily::Inet).await
    }

    async fn known_hosts(&self, index: u32) -> Result<Vec<(NeighbourMessage, Option<(Mac, Ipv4Addr)>)>, Error> {
        let entries = self.entries(index, AddressFamily::Bridge).await?;
        Ok(entries.into_iter().map(|(message, at)| (message, at.map(|(address, mac)| (mac, address)))).collect())
    }

    /// Of a neighbour its address and where it is, of a host where it is and its address.
    async fn entries(&self, index: u32, family: AddressFamily) -> Result<Vec<(NeighbourMessage, Option<(Ipv4Addr, Mac)>)>, Error> {
        let listed = self.handle.neighbours().get().set_address_family(family).execute();
        let all: Vec<NeighbourMessage> = listed.try_collect().await.map_err(Error::netlink("list where hosts are"))?;
        let written = |message: &NeighbourMessage| {
            message.header.ifindex == index && message.header.family == family && message.header.state == NeighbourState::Permanent
        };
        Ok(all.into_iter().filter(written).map(|message| (message.clone(), entry(&message))).collect())
    }
}

fn entry(message: &NeighbourMessage) -> Option<(Ipv4Addr, Mac)> {
    let (mut address, mut mac) = (None, None);
    for attribute in &message.attributes {
        match attribute {
            NeighbourAttribute::Destination(NeighbourAddress::Inet(found)) => address = Some(*found),
            // The kernel does not say of a bridge's entry of which family its address is.
            NeighbourAttribute::Destination(NeighbourAddress::Other(bytes)) => {
                address = <[u8; 4]>::try_from(bytes.as_slice()).ok().map(Ipv4Addr::from);
            }
            NeighbourAttribute::LinkLayerAddress(bytes) => mac = <[u8; 6]>::try_from(bytes.as_slice()).ok().map(Mac),
            _ => {}
        }
    }
    Some((address?, mac?))
}

fn ends(link: &LinkMessage) -> Option<Ends> {
    let infos =
        link.attributes.iter().find_map(|attribute| if let LinkAttribute::LinkInfo(infos) = attribute { Some(infos) } else { None })?;
    let tunnel = infos.iter().find_map(|info| if let LinkInfo::Data(InfoData::Vxlan(tunnel)) = info { Some(tunnel) } else { None })?;
    let vni = tunnel.iter().find_map(|it| if let InfoVxlan::Id(vni) = it { Some(*vni) } else { None })?;
    let local = tunnel.iter().find_map(|it| if let InfoVxlan::Local(local) = it { Some(*local) } else { None })?;
    Some(Ends { vni, local })
}
