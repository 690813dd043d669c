//! Makes one VPC's namespace be as its plan says.
//!
//! Order matters: the rules stand before the first interface does, so there is no moment at which a guest is unfiltered.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;

use ipnet::Ipv4Net;

use super::namespace::{self, Namespace};
use super::netlink::{Netlink, Route, Rule, Way};
use super::peer::{self, Pairs};
use super::plan::{Interface, METADATA, Mac, Mentioned, RESOLVER, Target, VpcPlan};
use super::tunnel::{self, Tunnel};
use super::{Config, Error, names, nat, nft, sysctl, tap};

/// What every guest sees as its gateway's, on every host.
pub const GATEWAY_MAC: Mac = Mac([0x02, 0x46, 0x48, 0, 0, 0x01]);
const HOST_END_MAC: Mac = Mac([0x02, 0x46, 0x48, 0, 0, 0xfe]);
const VPC_END_MAC: Mac = Mac([0x02, 0x46, 0x48, 0, 0, 0xfd]);

/// When a rule is asked: before the main table, or after it.
const BY_SUBNET: u32 = 100;
const OF_THE_NAMESPACE: u32 = 32_800;

/// A VPC's namespace as it is now: the interface behind each tap's index.
pub struct Applied {
    pub taps: BTreeMap<u32, String>,
}

/// What the last pass left in a VPC's namespace, so that the next one does what changed and no more.
#[derive(Debug, Default)]
pub struct Known {
    rules: Option<nft::Standing>,
    ways: Option<Ways>,
}

/// Everything but the rules. Nobody counts the changes of that, so it is trusted between two looks only.
#[derive(Debug)]
struct Ways {
    namespace: Namespace,
    /// This host's end of tunnels, which says how large packets may be.
    own: Option<tunnel::Own>,
    plan: Arc<VpcPlan>,
    /// Where the VPC is passed only: none.
    external: Option<u32>,
    /// The interface behind each tap's index.
    taps: BTreeMap<u32, String>,
    /// Every tap that is there, and its index.
    links: BTreeMap<String, u32>,
    pairs: Pairs,
    routes: BTreeSet<Route>,
    rules: BTreeSet<Rule>,
}

impl Known {
    /// Forgets what somebody else may have changed unseen.
    pub fn look(&mut self) {
        self.ways = None;
    }
}

/// What a VPC's network depends on beside its own plan.
#[derive(Clone, Copy)]
pub struct Around<'a> {
    pub mentioned: &'a Mentioned,
    pub own: Option<tunnel::Own>,
    /// By VPC: those whose rules stand.
    pub namespaces: &'a BTreeMap<String, Namespace>,
}

/// Makes the namespace be there with the rules of `plan`, which thus stand in both of two peers before there is a way from one to the other.
pub async fn filter(config: &Config, plan: &VpcPlan, known: &mut Known) -> Result<Namespace, Error> {
    let namespace = Namespace::ensure(&config.namespace_directory, &plan.namespace).await.map_err(Error::io("make a namespace"))?;
    let before = known.ways.take().filter(|ways| ways.namespace.is(&namespace));
    if before.is_none() {
        namespace.run(settings).await.map_err(Error::io("set a namespace's sysctls"))?;
    }
    known.rules = nft::bring(&namespace, &plan.ruleset, known.rules.take()).await?;
    known.ways = before;
    Ok(namespace)
}

/// Applies the rest of `plan` in its namespace, whatever was there before. Running it twice changes nothing.
pub async fn apply(
    config: &Config,
    plan: &Arc<VpcPlan>,
    namespace: &Namespace,
    around: Around<'_>,
    known: &mut Known,
) -> Result<Applied, Error> {
    let before = known.ways.take().filter(|ways| ways.own == around.own);
    let ways = match before {
        Some(ways) if ways.are_of(plan, around) => ways,
        before => ways(config, plan, namespace, around, before).await?,
    };
    let taps = ways.taps.clone();
    known.ways = Some(ways);
    Ok(Applied { taps })
}

impl Ways {
    /// Whether nothing has to be done.
    fn are_of(&self, plan: &Arc<VpcPlan>, around: Around<'_>) -> bool {
        let same = |a: &VpcPlan, b: &VpcPlan| {
            (&a.interfaces, &a.elsewhere, &a.routers, &a.route_tables, &a.blocks, &a.gateways, a.resolver, a.vni)
                == (&b.interfaces, &b.elsewhere, &b.routers, &b.route_tables, &b.blocks, &b.gateways, b.resolver, b.vni)
        };
        let tunnelled = self.plan.is_tunnelled() == plan.is_tunnelled();
        tunnelled
            && same(&self.plan, plan)
            && peer::are_of(&self.pairs, plan, around.namespaces)
            && self.links.keys().all(|tap| around.mentioned.taps.contains(tap))
    }

    /// Whether this interface's tap was seen to.
    fn has(&self, interface: &Interface, index: u32) -> bool {
        let before = self.plan.interfaces.get(&interface.network_interface_id);
        self.taps.contains_key(&index)
            && before.is_some_and(|before| {
                let draining = before.draining == interface.draining;
                draining && before.mac == interface.mac && before.addresses().eq(interface.addresses())
            })
    }
}

/// Links, addresses, neighbours, routes; where it was `before`, only what changed since.
async fn ways(
    config: &Config,
    plan: &Arc<VpcPlan>,
    namespace: &Namespace,
    Around { mentioned, own, namespaces }: Around<'_>,
    mut before: Option<Ways>,
) -> Result<Ways, Error> {
    let netlink = Netlink::open(namespace).await?;
    loopback(&netlink, plan, before.as_ref()).await?;
    let external = external(config, plan, namespace, &netlink, before.as_ref()).await?;
    let mut links = netlink.links().await?;
    let guests = Config { mtu: mtu(config, own), ..config.clone() };
    let taps = taps(&guests, plan, namespace, &netlink, &mut links, before.as_ref()).await?;
    drop_stale_taps(&netlink, &mut links, mentioned).await?;
    let tunnel = Tunnel::apply(own, config.mtu, plan, namespace, &netlink).await?;
    let known = before.as_mut().map(|before| std::mem::take(&mut before.pairs)).unwrap_or_default();
    let pairs = peer::apply(plan, &netlink, namespaces, guests.mtu, known).await?;
    let outside = external.map_or(Way::Unreachable, |external| Way::Via(external, config.host_address));
    let routes = routes(plan, &taps, (&tunnel, &pairs), outside);
    let rules = rules(plan, &tunnel);
    let ours = taps.keys().copied().chain(external).chain(tunnel.link()).chain(pairs.values().map(|pair| pair.link));
    // The tables stand before packets are led to them, which find no way at all until then.
    if let Some(mut before) = before {
        // Those over a link that is gone have gone with it.
        let there: BTreeSet<u32> = links.values().copied().chain(ours).collect();
        before.routes.retain(|route| route.link().is_none_or(|link| there.contains(&link)));
        netlink.routes_since(&routes, &before.routes).await?;
        netlink.rules_since(&rules, &before.rules).await?;
    } else {
        netlink.routes(&routes, &ours.collect()).await?;
        netlink.rules(&rules).await?;
    }
    tunnel.forget(&netlink).await?;
    Ok(Ways { namespace: namespace.clone(), own, plan: Arc::clone(plan), external, taps, links, pairs, routes, rules })
}

/// Of a guest's interface.
pub fn mtu(config: &Config, own: Option<tunnel::Own>) -> u32 {
    own.map_or(config.mtu, |own| config.mtu.min(own.mtu))
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
async fn loopback(netlink: &Netlink, plan: &VpcPlan, before: Option<&Ways>) -> Result<(), Error> {
    if before.is_some_and(|before| before.plan.gateways == plan.gateways && before.plan.resolver == plan.resolver) {
        return Ok(());
    }
    let lo = netlink.index("lo").await?.ok_or(Error::Missing("lo"))?;
    netlink.set_up(lo).await?;
    let mut addresses = plan.gateways.clone();
    if !plan.is_passed_only() {
        addresses.extend([plan.resolver, METADATA, RESOLVER]);
    }
    netlink.addresses(lo, &addresses, Ipv4Addr::is_loopback).await
}

/// The way out: a pair to the host's namespace, for those who have guests here. The host's end is configured by `outside`.
async fn external(
    config: &Config,
    plan: &VpcPlan,
    namespace: &Namespace,
    netlink: &Netlink,
    before: Option<&Ways>,
) -> Result<Option<u32>, Error> {
    if let Some(before) = before.filter(|before| before.plan.is_passed_only() == plan.is_passed_only()) {
        return Ok(before.external);
    }
    if plan.is_passed_only() {
        if let Some(stale) = netlink.index(names::EXTERNAL).await? {
            netlink.delete_link(stale).await?;
        }
        return Ok(None);
    }
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
    Ok(Some(index))
}

/// The host's side of the same pair.
pub async fn configure_uplink(config: &Config, netlink: &Netlink, index: u32) -> Result<(), Error> {
    netlink.configure(index, HOST_END_MAC, config.mtu).await?;
    netlink.addresses(index, &BTreeSet::from([config.host_address]), |_| false).await?;
    netlink.add_neighbour(index, config.vpc_address, VPC_END_MAC).await
}

/// Sees to the NAT gateways that are not as they were; whether there were any.
async fn gateways(
    config: &Config,
    plan: &VpcPlan,
    netlink: &Netlink,
    links: &BTreeMap<String, u32>,
    before: Option<&Ways>,
) -> Result<bool, Error> {
    let as_it_was = |interface: &Interface| {
        let known = before.filter(|before| before.plan.blocks == plan.blocks);
        known.is_some_and(|before| links.get(&interface.tap).is_some_and(|index| before.has(interface, *index)))
    };
    let mut any = false;
    for interface in plan.interfaces.values().filter(|interface| interface.translates && !as_it_was(interface)) {
        nat::ensure(config, plan, interface, netlink).await?;
        any = true;
    }
    Ok(any)
}

async fn taps(
    config: &Config,
    plan: &VpcPlan,
    namespace: &Namespace,
    netlink: &Netlink,
    links: &mut BTreeMap<String, u32>,
    before: Option<&Ways>,
) -> Result<BTreeMap<u32, String>, Error> {
    let missing: Vec<String> =
        plan.interfaces.values().filter(|i| !i.translates && !links.contains_key(&i.tap)).map(|i| i.tap.clone()).collect();
    if !missing.is_empty() {
        namespace.run(move || missing.iter().try_for_each(|name| tap::ensure(name))).await.map_err(Error::io("make a tap"))?;
        *links = netlink.links().await?;
    }
    if gateways(config, plan, netlink, links, before).await? {
        *links = netlink.links().await?;
    }
    let (mut taps, mut new) = (BTreeMap::new(), Vec::new());
    for interface in plan.interfaces.values() {
        let index = *links.get(&interface.tap).ok_or(Error::Missing("tap"))?;
        if !before.is_some_and(|before| before.has(interface, index)) {
            netlink.configure(index, GATEWAY_MAC, config.mtu).await?;
            for address in interface.addresses() {
                netlink.add_neighbour(index, address, interface.mac).await?;
            }
            new.push(interface.tap.clone());
        }
        taps.insert(index, interface.network_interface_id.clone());
    }
    namespace.run(move || new.iter().try_for_each(|name| answer_for_others(name))).await.map_err(Error::io("set a tap's sysctls"))?;
    Ok(taps)
}

/// In the main table: where each guest is, and that nothing else of the VPC's blocks is anywhere. In the table of each route table: the
/// routes as the client has them, by longest prefix; for the VPC's own blocks the main table is asked. What is in neither is nowhere.
fn routes(plan: &VpcPlan, taps: &BTreeMap<u32, String>, (tunnel, pairs): (&Tunnel, &Pairs), outside: Way) -> BTreeSet<Route> {
    let links: BTreeMap<&str, u32> = taps.iter().map(|(index, id)| (id.as_str(), *index)).collect();
    let mut routes: BTreeSet<Route> = plan.blocks.iter().map(|block| Route::main(*block, Way::Unreachable)).collect();
    for interface in plan.interfaces.values() {
        let link = links.get(interface.network_interface_id.as_str());
        routes.extend(link.into_iter().flat_map(|link| interface.addresses().map(|address| Route::main(address.into(), Way::Link(*link)))));
    }
    routes.extend(tunnel.routes(plan));
    routes.extend(tunnel.routers_here(plan).map(|(_, interface)| {
        let link = links.get(interface.network_interface_id.as_str());
        let way = link.map_or(Way::Unreachable, |link| Way::Via(*link, interface.address));
        Route { table: names::routing_table(&interface.network_interface_id), ..Route::main(Ipv4Net::default(), way) }
    }));
    for table in plan.route_tables.values() {
        let here = |to: Ipv4Net, way: Way| Route { table: table.number, ..Route::main(to, way) };
        routes.extend(plan.blocks.iter().filter(|block| !table.routes.contains_key(block)).map(|block| here(*block, Way::Elsewhere)));
        for (to, target) in &table.routes {
            let way = match target {
                Target::Outside => outside,
                Target::Interface { id, address } => {
                    let here = links.get(id.as_str()).map(|link| Way::Via(*link, *address));
                    here.or_else(|| tunnel.router(plan, id)).unwrap_or(Way::Unreachable)
                }
                Target::Peering(id) => pairs.get(id).map_or(Way::Unreachable, |pair| Way::Via(pair.link, peer::HOP)),
                Target::Nowhere => Way::Unreachable,
            };
            routes.insert(here(*to, way));
        }
    }
    // What the namespace itself has to say to the outside: that a packet came to its end here.
    routes.insert(Route { table: names::OWN_TABLE, ..Route::main(Ipv4Net::default(), outside) });
    routes
}

/// A guest's packets are routed by its subnet's table, then by the main one. Another host's that bear a router's number go to that.
fn rules(plan: &VpcPlan, tunnel: &Tunnel) -> BTreeSet<Rule> {
    let by_subnet = plan.interfaces.values().filter_map(|interface| {
        let table = plan.route_tables.get(&interface.route_table)?.number;
        Some(Rule { priority: BY_SUBNET, from: interface.tap.clone(), mark: None, table })
    });
    let to_routers = tunnel.routers_here(plan).map(|(number, interface)| {
        let table = names::routing_table(&interface.network_interface_id);
        Rule { priority: BY_SUBNET, from: names::TUNNEL.into(), mark: Some(number.into()), table }
    });
    let own = Rule { priority: OF_THE_NAMESPACE, from: "lo".into(), mark: None, table: names::OWN_TABLE };
    by_subnet.chain(to_routers).chain([own]).collect()
}

/// Guests of one subnet reach each other through the host, which answers their ARP at once.
fn answer_for_others(tap: &str) -> io::Result<()> {
    sysctl::set(&["ipv4", "conf", tap, "proxy_arp"], "1")?;
    sysctl::set(&["ipv4", "neigh", tap, "proxy_delay"], "0")
}

/// Of `links`, those taps stay that are still spoken of.
async fn drop_stale_taps(netlink: &Netlink, links: &mut BTreeMap<String, u32>, mentioned: &Mentioned) -> Result<(), Error> {
    links.retain(|name, _| name.starts_with(names::TAP));
    for (_, index) in links.extract_if(.., |name, _| !mentioned.taps.contains(name)) {
        netlink.delete_link(index).await?;
    }
    Ok(())
}

/// Removes the namespace `name`. Its taps go first: a hypervisor that still holds one must not keep the rest alive unseen.
pub async fn remove(config: &Config, name: &str) -> Result<(), Error> {
    let namespace = Namespace::ensure(&config.namespace_directory, name).await.map_err(Error::io("open a namespace"))?;
    let netlink = Netlink::open(&namespace).await?;
    for (link, index) in netlink.links().await? {
        if [names::TAP, names::PEERING].iter().any(|ours| link.starts_with(ours)) || link == names::EXTERNAL || link == names::TUNNEL {
            netlink.delete_link(index).await?;
        }
    }
    namespace::remove(&config.namespace_directory, name).map_err(Error::io("remove a namespace"))
}
