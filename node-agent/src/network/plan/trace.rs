//! What a packet meets on its way, by the plans of the hosts that it passes: the same questions that the kernel asks.
//!
//! In EC2's order: route, groups of the sender, network ACL of its subnet, network ACL of the receiver's subnet, groups of the receiver; then
//! the answer's route and ACLs. All must let it pass, so that their order decides only which one is named.

mod peering;

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use serde::Serialize;

use super::acl::Entry;
use super::rules::{Peer, Rule, Traffic};
use super::{HostPlan, Interface, METADATA, RESOLVER, Target, VpcPlan};

/// Where answers go: a port of those that clients send from.
const CLIENT_PORT: u16 = 49_152;
const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ECHO: u8 = 8;
const ECHO_REPLY: u8 = 0;

/// Hosts' plans, by host id.
pub struct Plans(pub Vec<(String, HostPlan)>);

/// An interface on its host.
#[derive(Clone, Copy)]
pub struct Guest<'a> {
    pub host: &'a str,
    pub vpc: &'a VpcPlan,
    pub interface: &'a Interface,
}

#[derive(Clone, Copy)]
pub enum Place<'a> {
    Guest(Guest<'a>),
    /// Nobody of whom a plan speaks.
    Elsewhere(Ipv4Addr),
}

#[derive(Clone, Copy, Debug)]
pub struct Packet {
    source: Ipv4Addr,
    destination: Ipv4Addr,
    protocol: u8,
    /// Of TCP and UDP.
    destination_port: u16,
    /// Of ICMP.
    kind: u8,
}

/// One question and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// "route", "group", "acl", ...
    pub asked: &'static str,
    pub passes: bool,
    /// What decides, and how.
    pub by: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct Trace {
    pub passes: bool,
    pub there: Vec<Step>,
    pub back: Vec<Step>,
}

/// A protocol by name or number.
pub fn protocol(text: &str) -> Option<u8> {
    match text {
        "tcp" => Some(TCP),
        "udp" => Some(UDP),
        "icmp" => Some(ICMP),
        number => number.parse().ok(),
    }
}

impl Plans {
    pub fn guests(&self) -> impl Iterator<Item = Guest<'_>> {
        self.0.iter().flat_map(|(host, plan)| {
            plan.vpcs.values().flat_map(move |vpc| vpc.interfaces.values().map(move |interface| Guest { host, vpc, interface }))
        })
    }

    /// What was left out of the plans, and why.
    pub fn fault(&self, subject: &str) -> Option<&str> {
        self.0.iter().flat_map(|(_, plan)| &plan.faults).find(|fault| fault.subject == subject).map(|fault| fault.reason.as_str())
    }

    /// Whom an id or an address means; a private address is one of the VPC `near`, if that is known.
    pub fn place(&self, text: &str, near: Option<&str>) -> Result<Place<'_>, String> {
        let Ok(address) = text.parse::<Ipv4Addr>() else {
            let named = |guest: &Guest<'_>| guest.interface.network_interface_id == text || guest.interface.instance_id == text;
            let why = || self.fault(text).map_or_else(|| "no host's plan has it".to_owned(), str::to_owned);
            return self.guests().find(named).map(Place::Guest).ok_or_else(|| format!("{text}: {}", why()));
        };
        if let Some(public) = self.guests().find(|guest| guest.interface.meant_by(address).is_some()) {
            return Ok(Place::Guest(public));
        }
        let mut private = self.guests().filter(|guest| guest.interface.has(address) && near.is_none_or(|vpc| guest.vpc.vpc_id == vpc));
        match (private.next(), private.next()) {
            (Some(one), None) => Ok(Place::Guest(one)),
            (Some(_), Some(_)) => Err(format!("{text} is an address in more than one VPC: name the interface or the instance")),
            (None, _) => Ok(Place::Elsewhere(address)),
        }
    }

    /// Follows a packet and its answer. `port` is the destination's, or the type of ICMP. `to` may be told by its very address.
    pub fn trace(&self, from: Place<'_>, to: Place<'_>, told: Option<Ipv4Addr>, protocol: u8, port: Option<u16>) -> Trace {
        let packet = Packet {
            source: from.address(),
            destination: told.unwrap_or_else(|| destination(from, to)),
            protocol,
            destination_port: port.unwrap_or_default(),
            kind: port.and_then(|kind| u8::try_from(kind).ok()).unwrap_or(ECHO),
        };
        let mut walk = Walk { plans: self, steps: Vec::new(), tracked: false };
        let arrived = walk.go(from, to, packet);
        let there = std::mem::take(&mut walk.steps);
        let passes = match arrived {
            Some(End::At(receiver, packet)) if packet.is_answered() => {
                walk.tracked = true;
                // Whoever it ended at answers the address that it saw.
                walk.go(receiver, from, packet.answer()).is_some()
            }
            arrived => arrived.is_some(),
        };
        Trace { passes, there, back: walk.steps }
    }
}

impl Place<'_> {
    fn address(&self) -> Ipv4Addr {
        match self {
            Self::Guest(guest) => guest.interface.address,
            Self::Elsewhere(address) => *address,
        }
    }
}

/// A guest of one VPC, or of a peer that a route leads to, is reached by its private address, by others by its public one.
fn destination(from: Place<'_>, to: Place<'_>) -> Ipv4Addr {
    match (from, to) {
        (Place::Guest(a), Place::Guest(b)) if a.vpc.vpc_id == b.vpc.vpc_id || peering::leads(a, b) => b.interface.address,
        (_, Place::Guest(b)) => b.interface.public.unwrap_or(b.interface.address),
        (_, Place::Elsewhere(address)) => address,
    }
}

impl Packet {
    fn is_answered(&self) -> bool {
        self.protocol != ICMP || self.kind == ECHO
    }

    fn answer(&self) -> Self {
        Self { source: self.destination, destination: self.source, destination_port: CLIENT_PORT, kind: ECHO_REPLY, ..*self }
    }
}

impl Traffic {
    fn is(&self, packet: &Packet) -> bool {
        match self {
            Self::Any => true,
            Self::Ports { protocol, from, to } => {
                super::trace::protocol(protocol) == Some(packet.protocol) && (*from..=*to).contains(&packet.destination_port)
            }
            Self::Icmp(None) => packet.protocol == ICMP,
            Self::Icmp(Some((kind, code))) => packet.protocol == ICMP && *kind == packet.kind && code.is_none_or(|code| code == 0),
            Self::Protocol(number) => packet.protocol == *number,
        }
    }
}

/// Where a packet ended well.
enum End<'a> {
    /// As what it arrived there.
    At(Place<'a>, Packet),
    /// Where the way of an answer is nothing to ask about.
    Here,
}

struct Walk<'a> {
    plans: &'a Plans,
    steps: Vec<Step>,
    /// It answers what was let through: groups are not asked.
    tracked: bool,
}

impl<'a> Walk<'a> {
    fn step(&mut self, asked: &'static str, passes: bool, by: String) -> Option<()> {
        self.steps.push(Step { asked, passes, by });
        passes.then_some(())
    }

    /// To its end, or to whatever stops it. At whom it ended, and as what.
    fn go(&mut self, from: Place<'a>, to: Place<'a>, packet: Packet) -> Option<End<'a>> {
        match from {
            Place::Guest(from) => self.out_of(from, to, packet),
            Place::Elsewhere(_) => self.in_from_outside(to, packet),
        }
    }

    fn out_of(&mut self, from: Guest<'a>, to: Place<'a>, packet: Packet) -> Option<End<'a>> {
        if from.interface.has(packet.destination) {
            return self
                .step("receiver", true, format!("{} is its own address: nothing leaves the guest", packet.destination))
                .map(|()| End::Here);
        }
        let services = [METADATA, RESOLVER, from.vpc.resolver];
        if services.contains(&packet.destination) {
            return self.service(from, packet);
        }
        let (table, target) = (&from.interface.route_table, route(from, packet.destination));
        match target {
            None => self.step("route", false, format!("{table} has no route to {}", packet.destination)).map(|()| End::Here),
            Some((block, None)) => {
                self.step("route", true, format!("{table}: {block} is local"))?;
                let there = |guest: &Guest<'_>| guest.vpc.vpc_id == from.vpc.vpc_id && guest.interface.has(packet.destination);
                let Some(receiver) = self.plans.guests().find(there) else {
                    self.step("receiver", false, format!("nobody in {} that is known here has {}", from.vpc.vpc_id, packet.destination))?;
                    return None;
                };
                self.leave(from, Some(receiver), packet)?;
                self.arrive(receiver, Some(from), packet).map(|()| End::At(Place::Guest(receiver), packet))
            }
            Some((block, Some(Target::Outside))) => {
                self.step("route", true, format!("{table}: {block} leads to the internet gateway"))?;
                self.through_the_gateway(from, to, packet)
            }
            Some((block, Some(Target::Interface { id, .. }))) => {
                self.step("route", true, format!("{table}: {block} leads to {id}"))?;
                let Some(router) = self.plans.guests().find(|guest| guest.interface.network_interface_id == *id) else {
                    self.step("receiver", false, format!("no plan has {id}"))?;
                    return None;
                };
                self.leave(from, Some(router), packet)?;
                self.arrive(router, Some(from), packet)?;
                self.step("receiver", true, format!("{id} has it, and sends it on {}", router.interface.onward()))?;
                Some(End::Here)
            }
            Some((block, Some(Target::Peering(id)))) => self.over_a_peering(from, block, id, packet),
            Some((block, Some(Target::Nowhere))) => {
                self.step("route", false, format!("{table}: {block} leads to what is gone")).map(|()| End::Here)
            }
        }
    }

    fn through_the_gateway(&mut self, from: Guest<'a>, to: Place<'a>, packet: Packet) -> Option<End<'a>> {
        self.leave(from, None, packet)?;
        let id = &from.interface.network_interface_id;
        let Some(public) = from.interface.public else {
            self.step("address", false, format!("{id} has no public address, so that the internet gateway does not take it"))?;
            return None;
        };
        self.step("address", true, format!("{id} is {public} outside{}", from.interface.by_turns()))?;
        let packet = Packet { source: public, ..packet };
        let receiver = self.plans.guests().find(|guest| guest.interface.meant_by(packet.destination).is_some());
        match receiver {
            Some(receiver) => self.in_from_outside(Place::Guest(receiver), packet),
            None => Some(End::At(to, packet)),
        }
    }

    fn in_from_outside(&mut self, to: Place<'a>, packet: Packet) -> Option<End<'a>> {
        let Place::Guest(to) = to else {
            return self.step("address", false, format!("nobody that is known here has {}", packet.destination)).map(|()| End::Here);
        };
        let id = &to.interface.network_interface_id;
        let Some(destination) = to.interface.meant_by(packet.destination) else {
            self.step("address", false, format!("{} of {id} is no public address, so that nothing leads to it", packet.destination))?;
            return None;
        };
        let inside = Packet { destination, ..packet };
        self.step("address", true, format!("{} is {} of {id}", packet.destination, inside.destination))?;
        // The answer goes to whoever the receiver saw.
        self.arrive(to, None, inside).map(|()| End::At(Place::Guest(to), inside))
    }

    fn service(&mut self, from: Guest<'a>, packet: Packet) -> Option<End<'a>> {
        let name = if packet.destination == METADATA { "instance metadata" } else { "the resolver" };
        let answered = match packet.protocol {
            TCP if packet.destination == METADATA => packet.destination_port == 80,
            TCP | UDP if packet.destination != METADATA => packet.destination_port == 53 && from.vpc.resolves,
            _ => false,
        };
        self.step("service", answered, format!("{name} on {}", from.host))?;
        Some(End::Here)
    }

    fn leave(&mut self, from: Guest<'a>, to: Option<Guest<'a>>, packet: Packet) -> Option<()> {
        self.groups(from, &packet, true)?;
        self.border(from, to, &packet, true)
    }

    fn arrive(&mut self, to: Guest<'a>, from: Option<Guest<'a>>, packet: Packet) -> Option<()> {
        self.border(to, from, &packet, false)?;
        let id = &to.interface.network_interface_id;
        if !to.interface.has(packet.destination) && to.interface.source_dest_check {
            self.step("check", false, format!("{id} takes only what is for it (source/destination check)"))?;
        }
        self.groups(to, &packet, false)
    }

    fn border(&mut self, guest: Guest<'a>, other: Option<Guest<'a>>, packet: &Packet, egress: bool) -> Option<()> {
        let id = &guest.interface.acl;
        if other.is_some_and(|other| other.vpc.vpc_id == guest.vpc.vpc_id && other.interface.subnet == guest.interface.subnet) {
            return Some(());
        }
        let Some(acl) = guest.vpc.acls.get(id) else { return Some(()) };
        let (entries, other, preposition, word) =
            if egress { (&acl.outbound, packet.destination, "to", "outbound") } else { (&acl.inbound, packet.source, "from", "inbound") };
        let decides = |entry: &&Entry| entry.block.contains(&other) && entry.traffic.is(packet);
        match entries.iter().find(decides) {
            Some(entry) => self.step("acl", entry.allow, format!("{id} {word} rule {}", entry.words_for_people(preposition))),
            None => self.step("acl", false, format!("{id} {word} rule *: no other matches")),
        }
    }

    fn groups(&mut self, guest: Guest<'a>, packet: &Packet, egress: bool) -> Option<()> {
        let id = &guest.interface.network_interface_id;
        if self.tracked {
            return self.step("group", true, format!("{id}: it answers what was let through"));
        }
        let (other, preposition, word) = if egress { (packet.destination, "to", "egress") } else { (packet.source, "from", "ingress") };
        let matches = |rule: &&Rule| {
            let peer = match &rule.peer {
                Peer::Anyone => true,
                Peer::Block(block) => block.contains(&other),
                Peer::Group(id) => guest.vpc.groups.get(id).is_some_and(|group| group.members.contains(&other)),
            };
            peer && rule.traffic.is(packet)
        };
        for group_id in &guest.interface.groups {
            let Some(group) = guest.vpc.groups.get(group_id) else { continue };
            if let Some(rule) = if egress { &group.egress } else { &group.ingress }.iter().find(matches) {
                return self.step("group", true, format!("{id}: {group_id} {word} {}", rule.words(preposition)));
            }
        }
        self.step("group", false, format!("{id}: no {word} rule of {} matches", guest.interface.groups.join(", ")))
    }
}

/// The longest prefix among the routes and the VPC's own blocks. `None` within: local.
fn route(from: Guest<'_>, destination: Ipv4Addr) -> Option<(Ipv4Net, Option<&Target>)> {
    let routes = from.vpc.route_tables.get(&from.interface.route_table).map(|table| &table.routes)?;
    let local = from.vpc.blocks.iter().filter(|block| !routes.contains_key(block)).map(|block| (*block, None));
    let stated = routes.iter().map(|(block, target)| (*block, Some(target)));
    local.chain(stated).filter(|(block, _)| block.contains(&destination)).max_by_key(|(block, _)| block.prefix_len())
}
