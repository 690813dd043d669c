//! Makes one VPC's namespace be as its plan says.
//!
//! Order matters: the rules stand before the first interface does, so there is no moment at which a guest is unfiltered.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::namespace::{self, Namespace};
use super::netlink::{Netlink, Route, Rule, Way};
use super::plan::{METADATA, Mac, Mentioned, RESOLVER, Target, VpcPlan};
use super::{Config, Error, names, nat, nft, sysctl, tap};

/// What every guest sees as its gateway's, on every host.
pub const GATEWAY_MAC: Mac = Mac([0x02, 0x46, 0x48, 0, 0, 0x01]);
const HOST_END_MAC: Mac = Mac([0x02, 0x46, 0x48, 0, 0, 0xfe]);
const VPC_END_MAC: Mac = Mac([0x02, 0x46, 0x48, 0, 0, 0xfd]);

/// When a rule is asked: before the main table, or after it.
const BY_SUBNET: u32 = 100;
const OF_THE_NAMESPACE: u32 = 32_800;

/// A VPC's namespace as it is now, with the interface behind each tap's index.
pub struct Applied {
    pub namespace: Namespace,
    pub taps: BTreeMap<u32, String>,
}

/// Applies `plan`, whatever was there before. Running it twice changes nothing.
pub async fn apply(config: &Config, plan: &VpcPlan, mentioned: &Mentioned) -> Result<Applied, Error> {
    let namespace = Namespace::ensure(&config.namespace_directory, &plan.namespace).await.map_err(Error::io("make a namespace"))?;
    namespace.run(settings).await.map_err(Error::io("set a namespace's sysctls"))?;
    nft::load(&namespace, &plan.ruleset.to_string()).await?;
    let netlink = Netlink::open(&namespace).await?;
    loopback(&netlink, plan).await?;
    let external = external(config, plan, &namespace, &netlink).await?;
    let taps = taps(config, plan, &namespace, &netlink).await?;
    drop_stale_taps(&netlink, mentioned).await?;
    let ours = taps.keys().copied().chain([external]).collect();
    let routes = routes(plan, &taps, Way::Via(external, config.host_address));
    // The tables stand before packets are led to them, which find no way at all until then.
    netlink.routes(&routes, &ours).await?;
    netlink.rules(&rules(plan)).await?;
    Ok(Applied { namespace, taps })
}

pub fn settings() -> io::Result<()> {
    for which in ["all", "default"] {
        sysctl::set(&["ipv6", "conf", which, "disable_ipv6"], "1").or_else(unless_absent)?;
        for (key, value) in [("rp_filter", "0"), ("send_redirects", "0"), ("accept_redirects", "0")] {
            sysctl::set(&["ipv4", "conf", which, key], value)?;
        }
    }
    sysctl::set(&["ipv4", "ip_forward"], "1")
}

pub fn unless_absent(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// Gateways, resolver and metadata: addresses that every guest of the VPC finds in its neighbourhood.
async fn loopback(netlink: &Netlink, plan: &VpcPlan) -> Result<(), Error> {
    let lo = netlink.index("lo").await?.ok_or(Error::Missing("lo"))?;
    netlink.set_up(lo).await?;
    let mut addresses = plan.gateways.clone();
    addresses.extend([plan.resolver, METADATA, RESOLVER]);
    netlink.addresses(lo, &addresses, Ipv4Addr::is_loopback).await
}

/// The way out: a pair to the host's namespace. The host's end is configured by `outside`.
async fn external(config: &Config, plan: &VpcPlan, namespace: &Namespace, netlink: &Netlink) -> Result<u32, Error> {
    if netlink.index(names::EXTERNAL).await?.is_none() {
        let host = Netlink::open(&Namespace::current().map_err(Error::io("find the host's namespace"))?).await?;
        // Its other end may be in a namespace that somebody took the name from.
        if let Some(orphan) = host.index(&plan.uplink).await? {
            host.delete_link(orphan).await?;
        }
        host.add_pair((&plan.uplink, HOST_END_MAC), (names::EXTERNAL, VPC_END_MAC), namespace).await?;
    }
    let index = netlink.index(names::EXTERNAL).await?.ok_or(Error::Missing(names::EXTERNAL))?;
    netlink.configure(index, VPC_END_MAC, config.mtu).await?;
    netlink.addresses(index, &BTreeSet::from([config.vpc_address]), |_| false).await?;
    netlink.add_neighbour(index, config.host_address, HOST_END_MAC).await?;
    Ok(index)
}

/// The host's side of the same pair.
pub async fn configure_uplink(config: &Config, netlink: &Netlink, index: u32) -> Result<(), Error> {
    netlink.configure(index, HOST_END_MAC, config.mtu).await?;
    netlink.addresses(index, &BTreeSet::from([config.host_address]), |_| false).await?;
    netlink.add_neighbour(index, config.vpc_address, VPC_END_MAC).await
}

async fn taps(config: &Config, plan: &VpcPlan, namespace: &Namespace, netlink: &Netlink) -> Result<BTreeMap<u32, String>, Error> {
    let missing: Vec<String> = {
        let there = netlink.links().await?;
        plan.interfaces.values().filter(|i| !i.translates && !there.contains_key(&i.tap)).map(|i| i.tap.clone()).collect()
    };
    namespace.run(move || missing.iter().try_for_each(|name| tap::ensure(name))).await.map_err(Error::io("make a tap"))?;
    for interface in plan.interfaces.values().filter(|interface| interface.translates) {
        nat::ensure(config, &plan.host_id, plan, interface, netlink).await?;
    }
    let links = netlink.links().await?;
    let mut taps = BTreeMap::new();
    for interface in plan.interfaces.values() {
        let index = *links.get(&interface.tap).ok_or(Error::Missing("tap"))?;
        netlink.configure(index, GATEWAY_MAC, config.mtu).await?;
        for address in interface.addresses() {
            netlink.add_neighbour(index, address, interface.mac).await?;
        }
        taps.insert(index, interface.network_interface_id.clone());
    }
    let names: Vec<String> = plan.interfaces.values().map(|interface| interface.tap.clone()).collect();
    namespace.run(move || names.iter().try_for_each(|name| answer_for_others(name))).await.map_err(Error::io("set a tap's sysctls"))?;
    Ok(taps)
}

/// In the main table: where each guest is, and that nothing else of the VPC's blocks is anywhere. In the table of each route table: the
/// routes as the client has them, by longest prefix; for the VPC's own blocks the main table is asked. What is in neither is nowhere.
fn routes(plan: &VpcPlan, taps: &BTreeMap<u32, String>, outside: Way) -> BTreeSet<Route> {
    let links: BTreeMap<&str, u32> = taps.iter().map(|(index, id)| (id.as_str(), *index)).collect();
    let mut routes: BTreeSet<Route> = plan.blocks.iter().map(|block| Route::main(*block, Way::Unreachable)).collect();
    for interface in plan.interfaces.values() {
        let link = links.get(interface.network_interface_id.as_str());
        routes.extend(link.into_iter().flat_map(|link| interface.addresses().map(|address| Route::main(address.into(), Way::Link(*link)))));
    }
    for table in plan.route_tables.values() {
        let here = |to: Ipv4Net, way: Way| Route { table: table.number, ..Route::main(to, way) };
        routes.extend(plan.blocks.iter().filter(|block| !table.routes.contains_key(block)).map(|block| here(*block, Way::Elsewhere)));
        for (to, target) in &table.routes {
            let way = match target {
                Target::Outside => outside,
                Target::Interface { id, address } => links.get(id.as_str()).map_or(Way::Unreachable, |link| Way::Via(*link, *address)),
                Target::Nowhere => Way::Unreachable,
            };
            routes.insert(here(*to, way));
        }
    }
    // What the namespace itself has to say to the outside: that a packet came to its end here.
    routes.insert(Route { table: names::OWN_TABLE, ..Route::main(Ipv4Net::default(), outside) });
    routes
}

/// A guest's packets are routed by its subnet's table, then by the main one.
fn rules(plan: &VpcPlan) -> BTreeSet<Rule> {
    let by_subnet = plan.interfaces.values().filter_map(|interface| {
        let table = plan.route_tables.get(&interface.route_table)?.number;
        Some(Rule { priority: BY_SUBNET, from: interface.tap.clone(), table })
    });
    by_subnet.chain([Rule { priority: OF_THE_NAMESPACE, from: "lo".into(), table: names::OWN_TABLE }]).collect()
}

/// Guests of one subnet reach each other through the host, which answers their ARP at once.
fn answer_for_others(tap: &str) -> io::Result<()> {
    sysctl::set(&["ipv4", "conf", tap, "proxy_arp"], "1")?;
    sysctl::set(&["ipv4", "neigh", tap, "proxy_delay"], "0")
}

async fn drop_stale_taps(netlink: &Netlink, mentioned: &Mentioned) -> Result<(), Error> {
    for (name, index) in netlink.links().await? {
        if name.starts_with(names::TAP) && !mentioned.taps.contains(&name) {
            netlink.delete_link(index).await?;
        }
    }
    Ok(())
}

/// Removes the namespace `name`. Its taps go first: a hypervisor that still holds one must not keep the rest alive unseen.
pub async fn remove(config: &Config, name: &str) -> Result<(), Error> {
    let namespace = Namespace::ensure(&config.namespace_directory, name).await.map_err(Error::io("open a namespace"))?;
    let netlink = Netlink::open(&namespace).await?;
    for (link, index) in netlink.links().await? {
        if link.starts_with(names::TAP) || link == names::EXTERNAL {
            netlink.delete_link(index).await?;
        }
    }
    namespace::remove(&config.namespace_directory, name).map_err(Error::io("remove a namespace"))
}
