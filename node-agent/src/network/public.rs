//! The host's own tunnel, to public addresses on other hosts: its device and the routes over it. The rules are [`super::plan::public`]'s.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::Ipv4Addr;

use super::namespace::Namespace;
use super::netlink::{Netlink, Route, Way};
use super::plan::elsewhere::hop;
use super::plan::{HostPlan, PublicElsewhere};
use super::tunnel::{Own, Tunnel, Wanted};
use super::{Error, names, sysctl, vpc};

/// What the tunnel and its routes follow from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Public {
    own: Own,
    elsewhere: PublicElsewhere,
}

impl Public {
    /// `None` where there is no tunnel.
    pub fn new(own: Option<Own>, plan: &HostPlan) -> Option<Self> {
        Some(Self { own: own.filter(|_| plan.is_joined())?, elsewhere: plan.elsewhere.clone() })
    }

    /// To each address elsewhere, and to the hosts themselves, who speak under their hops.
    pub fn routes(&self, link: u32) -> BTreeSet<Route> {
        let source = Some(hop(self.own.address));
        let over = |to: Ipv4Addr, way: Way| Route { source, ..Route::main(to.into(), way) };
        // What is this host's own is nowhere else, whatever was said.
        let theirs = self.elsewhere.addresses.iter().filter(|(public, _)| **public != self.own.address);
        let theirs = theirs.map(|(public, host)| over(*public, Way::Via(link, hop(*host))));
        theirs.chain(self.elsewhere.hosts.iter().map(|host| over(hop(*host), Way::Link(link)))).collect()
    }
}

/// Makes it be there, or not be there; its index.
pub async fn bring(host_id: &str, wanted: Option<&Public>, mtu: u32, namespace: &Namespace, netlink: &Netlink) -> Result<Tunnel, Error> {
    let name = names::public_tunnel(host_id);
    let hosts = wanted.map(|public| public.elsewhere.hosts.clone()).unwrap_or_default();
    let own = wanted.map(|public| public.own);
    let tunnel = Wanted { name: &name, vni: names::PUBLIC_TUNNEL, is_used: !hosts.is_empty(), hosts, routers: BTreeMap::new() };
    let tunnel = Tunnel::bring(own, mtu, &tunnel, namespace, netlink).await?;
    if let Some((link, own)) = tunnel.link().zip(own) {
        settings(&name).map_err(Error::io("set the sysctls of a tunnel"))?;
        netlink.addresses(link, &BTreeSet::from([hop(own.address)]), |_| false).await?;
    }
    Ok(tunnel)
}

fn settings(link: &str) -> io::Result<()> {
    sysctl::set(&["ipv6", "conf", link, "disable_ipv6"], "1").or_else(vpc::unless_absent)?;
    // Nobody is asked for in it: who is where is written down.
    for (key, value) in [("arp_ignore", "8"), ("send_redirects", "0"), ("accept_redirects", "0"), ("forwarding", "1")] {
        sysctl::set(&["ipv4", "conf", link, key], value)?;
    }
    Ok(())
}
