//! A way to other hosts: one VXLAN device, and who is where. Each VPC has one, and the host itself one for public addresses.
//!
//! A host that has an address elsewhere in the VPC is a next hop on the tunnel, so an interface that comes or goes is a route, and the number of
//! neighbours is that of hosts. A router on another host is a next hop of its own: the ruleset marks what goes there with its number, the
//! tunnel carries that (VXLAN's group policy), and the other host routes by it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use super::namespace::Namespace;
use super::netlink::{Ends, Netlink, Route, Way};
use super::plan::elsewhere::{hop, mac, router_hop};
use super::plan::{Interface, Mac, VpcPlan};
use super::{Error, names};

/// Of an inner packet the headers around it: Ethernet's, VXLAN's, UDP's, IPv4's.
const OVERHEAD: u32 = 50;

/// What IPv4 gets through any link.
const LEAST: u32 = 576;

/// This host's end of all tunnels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Own {
    pub address: Ipv4Addr,
    /// The largest packet of a guest that gets through in one.
    pub mtu: u32,
}

impl Own {
    /// As the link is that has the address.
    pub async fn find(address: Ipv4Addr) -> Result<Self, Error> {
        let netlink = Netlink::open(&here()?).await?;
        let mtu = netlink.mtu_at(address).await?.ok_or(Error::Missing("the tunnel address (agent.network.tunnel_address)"))?;
        Ok(Self { address, mtu: mtu.saturating_sub(OVERHEAD).max(LEAST) })
    }

    /// Before anything is known of the link: what Ethernet's usual one takes.
    pub fn least(address: Ipv4Addr) -> Self {
        Self { address, mtu: 1500 - OVERHEAD }
    }
}

/// What a tunnel is to be.
pub struct Wanted<'a> {
    pub name: &'a str,
    pub vni: u32,
    /// Whether anybody speaks in it. If not, it is not to be.
    pub is_used: bool,
    /// Where what is sent goes.
    pub hosts: BTreeSet<Ipv4Addr>,
    /// By number, each with its host.
    pub routers: BTreeMap<u16, Ipv4Addr>,
}

/// A tunnel as it is now; none where nobody is elsewhere.
pub struct Tunnel(Option<There>);

struct There {
    link: u32,
    hops: BTreeMap<Ipv4Addr, Mac>,
    hosts: BTreeMap<Mac, Ipv4Addr>,
}

impl Tunnel {
    /// Makes it be there, knowing each host, or not be there.
    pub async fn apply(own: Option<Own>, mtu: u32, plan: &VpcPlan, namespace: &Namespace, netlink: &Netlink) -> Result<Self, Error> {
        let wanted = Wanted {
            name: names::TUNNEL,
            vni: plan.vni,
            is_used: plan.is_tunnelled(),
            hosts: plan.hosts(),
            routers: plan.routers_elsewhere().into_iter().map(|(number, remote)| (number, remote.host)).collect(),
        };
        Self::bring(own, mtu, &wanted, namespace, netlink).await
    }

    /// The same of any tunnel.
    pub async fn bring(own: Option<Own>, mtu: u32, wanted: &Wanted<'_>, namespace: &Namespace, netlink: &Netlink) -> Result<Self, Error> {
        let Some(own) = own.filter(|_| wanted.is_used) else {
            if let Some(link) = netlink.index(wanted.name).await? {
                netlink.delete_link(link).await?;
            }
            return Ok(Self(None));
        };
        let link = device(own, wanted, namespace, netlink).await?;
        netlink.configure(link, mac(own.address), mtu.min(own.mtu)).await?;
        let hosts: BTreeMap<Mac, Ipv4Addr> = wanted.hosts.iter().map(|host| (mac(*host), *host)).collect();
        let hops = wanted.hosts.iter().map(|host| (hop(*host), mac(*host)));
        let routers = wanted.routers.iter().map(|(number, host)| (router_hop(*number), mac(*host)));
        let hops = hops.chain(routers).collect();
        netlink.tunnel_knows(link, &hops, &hosts).await?;
        Ok(Self(Some(There { link, hops, hosts })))
    }

    /// Hosts that no route leads to any more.
    pub async fn forget(&self, netlink: &Netlink) -> Result<(), Error> {
        match &self.0 {
            Some(There { link, hops, hosts }) => netlink.tunnel_forgets(*link, hops, hosts).await,
            None => Ok(()),
        }
    }

    pub fn link(&self) -> Option<u32> {
        self.0.as_ref().map(|there| there.link)
    }

    /// To each address elsewhere.
    pub fn routes(&self, plan: &VpcPlan) -> BTreeSet<Route> {
        let Some(link) = self.link() else { return BTreeSet::new() };
        let to = |host, address: &Ipv4Addr| Route::main((*address).into(), Way::Via(link, hop(host)));
        plan.elsewhere.values().flat_map(|remote| remote.addresses.iter().map(move |address| to(remote.host, address))).collect()
    }

    /// To an interface elsewhere that takes packets for others.
    pub fn router(&self, plan: &VpcPlan, id: &str) -> Option<Way> {
        let (link, number) = (self.link()?, plan.routers.get(id)?);
        plan.elsewhere.contains_key(id).then(|| Way::Via(link, router_hop(*number)))
    }

    /// The interfaces here that hosts elsewhere hand packets to, each with its number.
    pub fn routers_here<'a>(&self, plan: &'a VpcPlan) -> impl Iterator<Item = (u16, &'a Interface)> + use<'a> {
        let there = self.0.is_some();
        plan.routers.iter().filter(move |_| there).filter_map(|(id, number)| Some((*number, plan.interfaces.get(id)?)))
    }
}

/// One that ends elsewhere than it should is made anew.
async fn device(own: Own, wanted: &Wanted<'_>, namespace: &Namespace, netlink: &Netlink) -> Result<u32, Error> {
    let ends = Ends { vni: wanted.vni, local: own.address };
    if let Some(link) = netlink.index(wanted.name).await? {
        if netlink.tunnel(link).await? == Some(ends) {
            return Ok(link);
        }
        netlink.delete_link(link).await?;
    }
    Netlink::open(&here()?).await?.add_tunnel(wanted.name, ends, namespace).await?;
    netlink.index(wanted.name).await?.ok_or(Error::Missing("a tunnel"))
}

fn here() -> Result<Namespace, Error> {
    Namespace::current().map_err(Error::io("find the host's namespace"))
}
