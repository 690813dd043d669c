//! Peered VPCs: another VPC beside this one, joined to it on each host by a pair of links.
//!
//! ```text
//!  guest of A ─ tap ─▶ border, leave (A's groups) ─▶ pcx… ══ pair ══▶ pcx… ─▶ peered (whose address?) ─▶ border, arrive (B's groups) ─▶ tap ─ guest of B
//!                                                                         └─▶ vx0 of B ─▶ the host that the guest of B is on
//! ```
//!
//! What comes in by a pair is from one of the other VPC's blocks and goes to an interface of this VPC, here or by the tunnel to its host: no route
//! table is asked, so that it reaches no gateway, router, service or third VPC. A namespace that a packet merely passes on its way to another host
//! sees one direction of its flow, and follows none.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use freehold_proto::internal::host::{PeeringDesired, VpcDesired};
use ipnet::Ipv4Net;

use super::ruleset::Table;
use super::{Fault, Group, HostPlan, Interface, VpcPlan, checked_id, empty};
use crate::desired::Desired;
use crate::network::names;

/// The other VPC, as this one knows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Peering {
    pub vpc_id: String,
    /// The end of the pair, by the same name in both namespaces.
    pub link: String,
    pub blocks: Vec<Ipv4Net>,
    /// Its interfaces' addresses on other hosts, each with its host, which says what they say.
    pub senders: BTreeSet<(Ipv4Addr, Ipv4Addr)>,
    /// Hosts with an interface of it whose source/destination check is off.
    pub forwarding: BTreeSet<Ipv4Addr>,
    /// By group: addresses of interfaces on any host.
    pub members: BTreeMap<String, BTreeSet<Ipv4Addr>>,
    /// What its public names end in, and the private address that each public one means here: none where it does not want that.
    pub public_domain: String,
    pub public: BTreeMap<Ipv4Addr, Ipv4Addr>,
}

/// Adds the peers of the VPCs that have an interface here, and joins the two of each connection that both speak of.
pub fn join<'a>(host_id: &str, desired: &'a Desired, vpcs: &mut BTreeMap<&'a str, VpcPlan>, plan: &mut HostPlan) {
    let here: Vec<&str> = vpcs.iter().filter(|(_, vpc)| !vpc.interfaces.is_empty()).map(|(id, _)| *id).collect();
    for stated in here.iter().filter_map(|id| desired.vpcs.get(*id)) {
        for peering in &stated.peerings {
            if let Err(reason) = join_one(host_id, desired, (stated, peering), vpcs, plan) {
                plan.fault(&peering.vpc_peering_connection_id, reason);
            }
        }
    }
}

fn join_one<'a>(
    host_id: &str,
    desired: &'a Desired,
    (stated, peering): (&'a VpcDesired, &'a PeeringDesired),
    vpcs: &mut BTreeMap<&'a str, VpcPlan>,
    plan: &mut HostPlan,
) -> Result<(), String> {
    let (id, other) = (checked_id(&peering.vpc_peering_connection_id)?, &peering.peer_vpc_id);
    let peer = desired.vpcs.get(other).ok_or_else(|| format!("its VPC {other} is not known yet, so routes to it lead nowhere"))?;
    plan.mentioned.namespaces.insert(names::namespace(host_id, &peer.vpc_id));
    if !peer.peerings.iter().any(|it| it.vpc_peering_connection_id == id && it.peer_vpc_id == stated.vpc_id) {
        return Err(format!("its VPC {other} does not speak of it yet, so routes to it lead nowhere"));
    }
    let mut theirs = match vpcs.remove(other.as_str()) {
        Some(known) => known,
        None => empty(host_id, peer, &mut plan.faults)?,
    };
    let ours = vpcs.get_mut(stated.vpc_id.as_str());
    let connected = ours.ok_or_else(|| format!("{other} is the VPC itself")).and_then(|ours| connect(id, ours, &mut theirs));
    // A VPC that is nobody's peer after all, and has no interface here, is none of this host's business.
    if !theirs.interfaces.is_empty() || !theirs.peerings.is_empty() {
        vpcs.insert(other.as_str(), theirs);
    }
    connected
}

fn connect(id: &str, ours: &mut VpcPlan, theirs: &mut VpcPlan) -> Result<(), String> {
    let link = names::peering(id);
    let taken = |vpc: &VpcPlan| vpc.peerings.iter().any(|(known, it)| it.link == link && known != id);
    if ours.blocks.iter().any(|ours| theirs.blocks.iter().any(|theirs| ours.contains(theirs) || theirs.contains(ours))) {
        return Err(format!("{} has addresses of {}, so routes to it lead nowhere", theirs.vpc_id, ours.vpc_id));
    }
    if taken(ours) || taken(theirs) {
        return Err(format!("its link {link} is another connection's already, so routes to it lead nowhere"));
    }
    let seen = |vpc: &VpcPlan| (vpc.vpc_id.clone(), vpc.blocks.clone());
    let (of_theirs, of_ours) = (seen(theirs), seen(ours));
    for (vpc, (vpc_id, blocks)) in [(ours, of_theirs), (theirs, of_ours)] {
        vpc.peerings.insert(id.to_owned(), Peering { vpc_id, link: link.clone(), blocks, ..Peering::default() });
    }
    Ok(())
}

/// Tells each VPC of its peers' interfaces, once those are known.
pub fn introduce(desired: &Desired, vpcs: &mut BTreeMap<&str, VpcPlan>) {
    let mut told = Vec::new();
    for (vpc_id, vpc) in &*vpcs {
        for (id, peering) in &vpc.peerings {
            let Some(peer) = vpcs.get(peering.vpc_id.as_str()) else { continue };
            let answers = desired
                .vpcs
                .get(&peering.vpc_id)
                .is_some_and(|stated| stated.peerings.iter().any(|it| it.vpc_peering_connection_id == *id && it.answers_public_names));
            told.push(((*vpc_id).to_owned(), id.clone(), peering.of(peer, answers)));
        }
    }
    for (vpc_id, id, peering) in told {
        if let Some(vpc) = vpcs.get_mut(vpc_id.as_str()) {
            vpc.peerings.insert(id, peering);
        }
    }
}

impl Peering {
    fn of(&self, peer: &VpcPlan, answers: bool) -> Self {
        let remotes = || peer.elsewhere.values();
        let mut members: BTreeMap<String, BTreeSet<Ipv4Addr>> = BTreeMap::new();
        let here = peer.interfaces.values().map(|interface| (&interface.groups, interface.addresses().collect::<Vec<_>>()));
        for (groups, addresses) in here.chain(remotes().map(|remote| (&remote.groups, remote.addresses.clone()))) {
            for group in groups {
                members.entry(group.clone()).or_default().extend(&addresses);
            }
        }
        Self {
            senders: remotes().flat_map(|remote| remote.addresses.iter().map(|address| (remote.host, *address))).collect(),
            forwarding: remotes().filter(|remote| !remote.source_dest_check).map(|remote| remote.host).collect(),
            members,
            public_domain: peer.public_domain.clone(),
            public: if answers {
                peer.public().chain(remotes().flat_map(|remote| remote.public.clone())).collect()
            } else {
                BTreeMap::new()
            },
            ..self.clone()
        }
    }

    /// Whether an address is of one of the peer's blocks.
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        self.blocks.iter().any(|block| block.contains(&address))
    }
}

impl VpcPlan {
    /// Whether it is on this host only for its peers to pass.
    pub fn is_passed_only(&self) -> bool {
        self.interfaces.is_empty()
    }

    /// Whether packets come or go between hosts.
    pub fn is_tunnelled(&self) -> bool {
        !self.elsewhere.is_empty() || self.peerings.values().any(|peering| !peering.senders.is_empty())
    }

    /// The other hosts that have something to say in the VPC.
    pub fn speakers(&self) -> BTreeSet<Ipv4Addr> {
        let peers = self.peerings.values().flat_map(|peering| &peering.senders).map(|(host, _)| *host);
        self.hosts().into_iter().chain(peers).collect()
    }
}

/// Adds the interfaces of peers to the groups that rules here name. An address that two peers have may be of either, so it counts for none.
pub fn members(vpc: &VpcPlan, groups: &mut BTreeMap<String, Group>, faults: &mut Vec<Fault>) {
    for (id, carriers) in vpc.peerings.values().flat_map(|peering| &peering.members) {
        let Some(group) = groups.get_mut(id) else { continue };
        let certain = |address: &&Ipv4Addr| vpc.peerings.values().filter(|peering| peering.contains(**address)).count() == 1;
        let before = group.members.len();
        group.members.extend(carriers.iter().filter(certain));
        if group.members.len() < before + carriers.len() {
            let reason = "two peers have the addresses of some of its members, so rules do not mean those".to_owned();
            faults.push(Fault { subject: id.clone(), reason });
        }
    }
}

fn quoted(peering: &Peering) -> String {
    format!("\"{}\"", peering.link)
}

/// The chains that packets from and to peers pass beside those of all.
pub fn chains(table: &mut Table, vpc: &VpcPlan) {
    if vpc.peerings.is_empty() {
        return;
    }
    for (id, peering) in &vpc.peerings {
        for (way, side) in [("from", "saddr"), ("to", "daddr")] {
            let within = peering.blocks.iter().map(|block| format!("ip {side} {block} return"));
            table.chain(&format!("{id}_{way}"), within.chain(["drop".to_owned()]));
        }
    }
    table.set("peers", "ifname", vpc.peerings.values().map(quoted));
    for way in ["from", "to"] {
        let jumps = vpc.peerings.iter().map(|(id, peering)| (quoted(peering), format!("jump {id}_{way}")));
        table.map(&format!("{way}_peers"), "ifname : verdict", jumps);
    }
    table.set("here", "ipv4_addr", vpc.interfaces.values().flat_map(Interface::addresses));
    let (pair, tunnel) = (names::PEERING, names::TUNNEL);
    let peered = [
        &format!("iifname != \"{pair}*\" accept"),
        "meta nfproto != ipv4 drop",
        "iifname != @peers drop",
        "iifname vmap @from_peers",
        // On its way to another host: the answer comes by another way.
        "ip daddr != @here notrack",
    ];
    table.base("peered", "filter hook prerouting priority raw; policy accept;", peered);
    let between = [
        format!("iifname \"{pair}*\" oifname != \"tap*\" oifname != \"{tunnel}\" drop"),
        format!("oifname \"{pair}*\" iifname != \"tap*\" drop"),
        "oifname vmap @to_peers".to_owned(),
    ];
    table.base("between_vpcs", "filter hook forward priority filter - 5; policy accept;", between);
}

/// Of peers' interfaces on other hosts: whose packets come in by the tunnel.
pub fn bound_elsewhere(vpc: &VpcPlan) -> impl Iterator<Item = String> + '_ {
    let senders = vpc.peerings.values().flat_map(|peering| &peering.senders);
    senders.map(|(host, address)| format!("{} . {address}", super::elsewhere::mac(*host)))
}

/// The lines that let in by the tunnel what peers' interfaces on other hosts pass on of their own VPC's.
pub fn forwarded_elsewhere(table: &mut Table, vpc: &VpcPlan) -> Vec<String> {
    let mut lines = Vec::new();
    for (id, peering) in vpc.peerings.iter().filter(|(_, peering)| !peering.forwarding.is_empty()) {
        let set = format!("{id}_forwarding");
        table.set(&set, "ether_addr", peering.forwarding.iter().map(|host| super::elsewhere::mac(*host)));
        lines.extend(peering.blocks.iter().map(|block| format!("ether saddr @{set} ip saddr {block} accept")));
    }
    lines
}

/// What the verdict maps of senders and receivers say of peers: the other VPC's namespace asks its own guest's groups.
pub fn verdicts(vpc: &VpcPlan) -> impl Iterator<Item = (String, String)> + '_ {
    vpc.peerings.values().map(|peering| (quoted(peering), "accept".to_owned()))
}

/// Nothing of the namespace's own is a peer's, and what is known of the other end was written.
pub fn not_for_peers(vpc: &VpcPlan) -> Option<String> {
    (!vpc.peerings.is_empty()).then(|| format!("iifname \"{}*\" drop", names::PEERING))
}

#[cfg(test)]
mod tests;
