//! Interfaces of a VPC on other hosts, and how packets come and go between hosts.
//!
//! ```text
//!  guest ─ tap ─▶ border, leave (its groups) ─▶ vx0 ═ VXLAN of the VPC ═▶ vx0 ─▶ tunnelled (whose address?) ─▶ border, arrive ─▶ tap ─ guest
//! ```
//!
//! Who sends decides what may leave, who receives what may arrive. Between the two a packet passes no third host: what comes in by the tunnel goes
//! to a guest of this host or nowhere.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use freehold_proto::internal::host::{InterfaceElsewhere, PublicAddress, VpcDesired};
use ipnet::Ipv4Net;

use super::ruleset::Table;
use super::{Fault, Mac, Target, VpcPlan, address, checked_id, peering};
use crate::network::names;

/// An interface on another host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// The other host's tunnel address.
    pub host: Ipv4Addr,
    /// The primary one first.
    pub addresses: Vec<Ipv4Addr>,
    pub subnet: Ipv4Net,
    pub groups: Vec<String>,
    pub source_dest_check: bool,
    /// Its public addresses, each with the private one that it means.
    pub public: BTreeMap<Ipv4Addr, Ipv4Addr>,
}

/// The next hop that stands for a host in a VPC's namespace. No packet ever bears it; of class E, it can be no address of the VPC's.
pub fn hop(host: Ipv4Addr) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(host) | 0xf000_0000)
}

/// A host's own end of each tunnel.
pub fn mac(host: Ipv4Addr) -> Mac {
    let [a, b, c, d] = host.octets();
    Mac([0x02, 0x46, a, b, c, d])
}

/// A router's next hop: the packets that a route gives to an interface bear its number on their way, since their destination does not say it.
pub fn router_hop(number: u16) -> Ipv4Addr {
    let [high, low] = number.to_be_bytes();
    Ipv4Addr::new(169, 254, high, low)
}

/// What is understood of those that were stated. What has the address of another interface is left out.
pub fn remotes(
    vpc: &VpcPlan,
    stated: &VpcDesired,
    interfaces: &[&InterfaceElsewhere],
    faults: &mut Vec<Fault>,
) -> BTreeMap<String, Remote> {
    let mut remotes = BTreeMap::new();
    let mut taken: BTreeSet<Ipv4Addr> = vpc.interfaces.values().flat_map(super::Interface::addresses).collect();
    let mut hops: BTreeMap<Ipv4Addr, Ipv4Addr> = BTreeMap::new();
    for interface in interfaces {
        let id = &interface.network_interface_id;
        let read = remote(vpc, stated, interface).and_then(|remote| {
            if let Some(twice) = remote.addresses.iter().find(|address| taken.contains(address)) {
                return Err(format!("{twice} is another interface's already"));
            }
            if *hops.entry(hop(remote.host)).or_insert(remote.host) != remote.host {
                return Err(format!("the tunnel address {} differs from another host's in its first four bits alone", remote.host));
            }
            Ok(remote)
        });
        match read {
            Ok(remote) => {
                taken.extend(&remote.addresses);
                remotes.insert(id.clone(), remote);
            }
            Err(reason) => faults.push(Fault { subject: id.clone(), reason }),
        }
    }
    remotes
}

fn remote(vpc: &VpcPlan, stated: &VpcDesired, interface: &InterfaceElsewhere) -> Result<Remote, String> {
    let subnet = stated.subnets.iter().find(|subnet| subnet.subnet_id == interface.subnet_id);
    let subnet = subnet.ok_or_else(|| format!("its subnet {} is not known yet", interface.subnet_id))?;
    let subnet: Ipv4Net = subnet.cidr_block.parse().map_err(|_| format!("{:?} is not a CIDR block", subnet.cidr_block))?;
    let addresses = interface.private_ip_addresses.iter().map(|text| address(text)).collect::<Result<Vec<_>, _>>()?;
    if let Some(stray) = addresses.iter().find(|address| !subnet.contains(*address) || !vpc.contains(**address)) {
        return Err(format!("{stray} is not within its subnet {subnet} of {}", vpc.vpc_id));
    }
    checked_id(&interface.network_interface_id)?;
    Ok(Remote {
        host: address(&interface.tunnel_address)?,
        addresses,
        subnet: subnet.trunc(),
        groups: interface.security_group_ids.iter().map(|id| checked_id(id).map(str::to_owned)).collect::<Result<_, _>>()?,
        source_dest_check: interface.source_dest_check,
        public: interface.public_ip_addresses.iter().filter_map(meaning).collect(),
    })
}

/// What can not be read means nothing.
fn meaning(stated: &PublicAddress) -> Option<(Ipv4Addr, Ipv4Addr)> {
    address(&stated.public_ip_address).ok().zip(address(&stated.private_ip_address).ok())
}

/// The interfaces that routes of the VPC lead to, on any host, each with its number. All hosts find the same.
pub fn routers(stated: &VpcDesired, faults: &mut Vec<Fault>) -> BTreeMap<String, u16> {
    use freehold_proto::internal::host::route_desired::Target as Stated;
    let targets = stated.route_tables.iter().flat_map(|table| &table.routes).filter_map(|route| match &route.target {
        Some(Stated::NetworkInterface(router)) => Some(router.network_interface_id.as_str()),
        _ => None,
    });
    let mut numbers = BTreeMap::new();
    for id in targets.collect::<BTreeSet<_>>() {
        let number = names::router_number(id);
        if numbers.values().any(|other| *other == number) {
            let reason = "it has the number of another router, so other hosts can not hand packets to it".to_owned();
            faults.push(Fault { subject: id.to_owned(), reason });
        } else {
            numbers.insert(id.to_owned(), number);
        }
    }
    numbers
}

impl VpcPlan {
    /// The other hosts.
    pub fn hosts(&self) -> BTreeSet<Ipv4Addr> {
        self.elsewhere.values().map(|remote| remote.host).collect()
    }

    /// The routers on other hosts that a route here leads to, by number.
    pub fn routers_elsewhere(&self) -> BTreeMap<u16, &Remote> {
        let targets = self.route_tables.values().flat_map(|table| table.routes.values()).filter_map(|target| match target {
            Target::Interface { id, .. } => Some((*self.routers.get(id)?, self.elsewhere.get(id)?)),
            Target::Outside | Target::Peering(_) | Target::Nowhere => None,
        });
        targets.collect()
    }

    fn addresses_elsewhere(&self) -> impl Iterator<Item = (&Remote, Ipv4Addr)> {
        self.elsewhere.values().flat_map(|remote| remote.addresses.iter().map(move |address| (remote, *address)))
    }
}

/// The chains that packets to and from other hosts pass beside those of all.
pub fn chains(table: &mut Table, vpc: &VpcPlan) {
    if !vpc.is_tunnelled() {
        return;
    }
    let bound = vpc.addresses_elsewhere().map(|(it, address)| format!("{} . {address}", mac(it.host)));
    table.set("elsewhere", "ether_addr . ipv4_addr", bound.chain(peering::bound_elsewhere(vpc)));
    let forwarding: BTreeSet<Mac> = vpc.elsewhere.values().filter(|it| !it.source_dest_check).map(|it| mac(it.host)).collect();
    table.set("forwarding_elsewhere", "ether_addr", forwarding);
    let hops = vpc.routers_elsewhere().into_keys().map(|number| (router_hop(number), format!("{number:#x}")));
    table.map("router_of_hop", "ipv4_addr : mark", hops);
    let tunnel = names::TUNNEL;
    let tunnelled = [
        &format!("iifname != \"{tunnel}\" accept"),
        "meta nfproto != ipv4 drop",
        "ether saddr . ip saddr @elsewhere accept",
        "ether saddr @forwarding_elsewhere accept",
    ];
    let peers = peering::forwarded_elsewhere(table, vpc);
    let tunnelled = tunnelled.map(str::to_owned).into_iter().chain(peers).chain(["drop".to_owned()]);
    table.base("tunnelled", "filter hook prerouting priority raw; policy accept;", tunnelled);
    let between = [
        format!("iifname \"{tunnel}\" oifname != \"tap*\" drop"),
        format!("oifname \"{tunnel}\" iifname != \"tap*\" iifname != \"{}*\" drop", names::PEERING),
    ];
    table.base("between_hosts", "filter hook forward priority filter - 5; policy accept;", between);
    let marked = [&format!("oifname != \"{tunnel}\" accept"), "meta mark set 0", "meta mark set rt ip nexthop map @router_of_hop"];
    table.base("to_the_tunnel", "filter hook postrouting priority mangle; policy accept;", marked);
}

/// What the verdict maps of senders and receivers say of the tunnel: the other host asks its own guest's groups.
pub fn verdict(vpc: &VpcPlan) -> Option<(String, String)> {
    vpc.is_tunnelled().then(|| (format!("\"{}\"", names::TUNNEL), "accept".to_owned()))
}

/// How the border knows on which side of it an interface elsewhere is: sets, and the lines of its chain that ask them. A packet to a router is
/// as far as that router, whatever its destination.
pub fn border(table: &mut Table, vpc: &VpcPlan) -> Vec<String> {
    if vpc.elsewhere.is_empty() {
        return Vec::new();
    }
    let number = |subnet: &Ipv4Net| format!("{:#010x}", u32::from(subnet.network()));
    let each = || vpc.addresses_elsewhere();
    table.map("subnet_elsewhere", "ipv4_addr : mark", each().map(|(it, address)| (address, number(&it.subnet))));
    table.set("inside_elsewhere", "ipv4_addr . mark", each().map(|(it, address)| format!("{address} . {}", number(&it.subnet))));
    let routers = vpc.routers_elsewhere();
    table.set("router_hops", "ipv4_addr", routers.keys().map(|number| router_hop(*number)));
    let beside = routers.iter().map(|(router, it)| format!("{} . {}", router_hop(*router), number(&it.subnet)));
    table.set("inside_hops", "ipv4_addr . mark", beside);
    let tunnel = names::TUNNEL;
    vec![
        format!("iifname \"{tunnel}\" meta mark set ip saddr map @subnet_elsewhere"),
        format!("oifname \"{tunnel}\" rt ip nexthop . meta mark @inside_hops accept"),
        format!("oifname \"{tunnel}\" rt ip nexthop != @router_hops ip daddr . meta mark @inside_elsewhere accept"),
    ]
}

/// ARP says nothing that is not known between hosts.
pub fn arp(vpc: &VpcPlan) -> Option<String> {
    vpc.is_tunnelled().then(|| format!("iifname \"{}\" drop", names::TUNNEL))
}
