//! The nftables rules of one VPC's namespace.
//!
//! ```text
//!  tap ──▶ spoofed ──▶ border (network ACLs) ──▶ leaving (egress of the sender's groups) ──▶ arriving (ingress of the receiver's groups) ──▶ tap
//!                 └──▶ input: DHCP, DNS, metadata and nothing else
//!  ext0 ─▶ public address becomes private ──▶ arriving          leaving, with a public address ──▶ private becomes public ─▶ ext0
//! ```
//!
//! `leaving` and `arriving` are two base chains of one hook: an accept in the first does not skip the second, so both guests' groups
//! are asked. Everything is a set or a verdict map, so the path of a packet does not grow with the number of interfaces.
//!
//! A part of them is a function that adds what it needs to the [`Table`]; see there.

use std::net::Ipv4Addr;

use super::rules::{Peer, Rule};
use super::ruleset::{Ruleset, Table};
use super::{Interface, METADATA, RESOLVER, VpcPlan, acl, elsewhere, peering, untracked};

pub fn ruleset(vpc: &VpcPlan) -> Ruleset {
    let mut ruleset = Ruleset::default();
    let table = ruleset.table("inet freehold");
    bindings(table, vpc);
    for (id, group) in &vpc.groups {
        table.set(&format!("members-{id}"), "ipv4_addr", &group.members);
        table.chain(&format!("{id}_in"), group.ingress.iter().map(|rule| accept(rule, "saddr")));
        table.chain(&format!("{id}_out"), group.egress.iter().map(|rule| accept(rule, "daddr")));
        untracked::chains(table, id, group);
    }
    untracked::sets(table, vpc);
    for interface in vpc.interfaces.values() {
        interface_chain(table, interface, "in");
        interface_chain(table, interface, "out");
    }
    verdicts(table, vpc, "leaving", "out");
    verdicts(table, vpc, "arriving", "in");
    acl::borders(table, vpc);
    elsewhere::chains(table, vpc);
    peering::chains(table, vpc);
    spoofed(table, vpc);
    translation(table);
    reach_the_host(table, vpc);
    leave_and_arrive(table);
    arp(ruleset.table("arp freehold"), vpc);
    ruleset
}

fn bindings(table: &mut Table, vpc: &VpcPlan) {
    let all = || vpc.interfaces.values();
    let each = || all().flat_map(|interface| interface.addresses().map(move |address| (interface, address)));
    table.set("bound", "ifname . ether_addr . ipv4_addr", each().map(|(i, address)| format!("\"{}\" . {} . {address}", i.tap, i.mac)));
    table.set("hardware", "ifname . ether_addr", all().map(|i| format!("\"{}\" . {}", i.tap, i.mac)));
    table.set("addressed", "ifname . ipv4_addr", each().map(|(i, address)| format!("\"{}\" . {address}", i.tap)));
    table.set("routers", "ifname", all().filter(|i| !i.source_dest_check).map(tap));
    table.set("published", "ipv4_addr", vpc.public().map(|(_, private)| private));
    table.map("to_private", "ipv4_addr : ipv4_addr", vpc.public());
    table.map("to_public", "ipv4_addr : ipv4_addr", vpc.public().map(|(public, private)| (private, public)));
}

/// As an element of a set of names.
pub fn tap(interface: &Interface) -> String {
    format!("\"{}\"", interface.tap)
}

fn accept(rule: &Rule, side: &str) -> String {
    let peer = match &rule.peer {
        Peer::Anyone => String::new(),
        Peer::Block(block) => format!("ip {side} {block} "),
        Peer::Group(id) => format!("ip {side} @members-{id} "),
    };
    format!("{peer}{}accept", rule.traffic)
}

fn interface_chain(table: &mut Table, interface: &Interface, direction: &str) {
    // What a NAT gateway is handed is asked about by the groups of whoever sends and by its subnet's ACL.
    if interface.translates {
        return table.chain(&format!("{}_{direction}", interface.network_interface_id), ["accept".to_owned()]);
    }
    let open = interface.groups.iter().map(|group| format!("ct state new jump {}", untracked::chain_name(group, direction)));
    let jumps = interface.groups.iter().map(|group| format!("jump {group}_{direction}"));
    table.chain(&format!("{}_{direction}", interface.network_interface_id), open.chain(jumps).chain(["drop".to_owned()]));
}

fn verdicts(table: &mut Table, vpc: &VpcPlan, name: &str, direction: &str) {
    let verdict = |i: &Interface| (tap(i), format!("jump {}_{direction}", i.network_interface_id));
    table.map(name, "ifname : verdict", vpc.interfaces.values().map(verdict).chain(elsewhere::verdict(vpc)).chain(peering::verdicts(vpc)));
}

fn spoofed(table: &mut Table, vpc: &VpcPlan) {
    let services = format!("{METADATA}, {RESOLVER}, {}", vpc.resolver);
    let lines = [
        "iifname != \"tap*\" accept",
        "meta nfproto != ipv4 drop",
        "iifname . ether saddr != @hardware drop",
        "udp sport 67 udp dport 68 drop",
        "ip saddr 0.0.0.0 ip daddr 255.255.255.255 udp sport 68 udp dport 67 accept",
        // What is nobody's address, on this machine or beyond it.
        &format!("ip daddr != {{ {METADATA}, {RESOLVER} }} ip daddr {{ 0.0.0.0/8, 127.0.0.0/8, 169.254.0.0/16, 224.0.0.0/3 }} drop"),
        "iifname . ether saddr . ip saddr @bound accept",
        &format!("iifname @routers ip daddr != {{ {services} }} accept"),
        "drop",
    ];
    table.base("spoofed", "filter hook prerouting priority raw; policy accept;", lines);
}

fn translation(table: &mut Table) {
    let to_private = ["iifname \"ext0\" dnat ip to ip daddr map @to_private"];
    table.base("public_to_private", "nat hook prerouting priority dstnat; policy accept;", to_private);
    let to_public = ["oifname \"ext0\" snat ip to ip saddr map @to_public"];
    table.base("private_to_public", "nat hook postrouting priority srcnat; policy accept;", to_public);
}

fn reach_the_host(table: &mut Table, vpc: &VpcPlan) {
    let resolver = vpc.resolver;
    let resolve = if vpc.resolves { "accept" } else { "drop" };
    let lines = [
        "ct state established,related accept".to_owned(),
        "iifname \"lo\" accept".to_owned(),
        "iifname \"tap*\" udp dport 67 accept".to_owned(),
        format!("iifname \"tap*\" ip daddr {{ {resolver}, {RESOLVER} }} meta l4proto {{ tcp, udp }} th dport 53 {resolve}"),
        format!("iifname \"tap*\" ip daddr {METADATA} tcp dport 80 accept"),
    ];
    let lines = peering::not_for_peers(vpc).into_iter().chain(lines);
    table.base("reach_the_host", "filter hook input priority filter; policy drop;", lines);
}

fn leave_and_arrive(table: &mut Table) {
    let leave = ["ct state invalid drop", "iifname \"ext0\" ct status dnat accept", "iifname vmap @leaving"];
    let leave = untracked::leaving().into_iter().chain(leave.map(str::to_owned));
    table.base("leave", "filter hook forward priority filter; policy drop;", leave);
    let addressed = ["oifname \"tap*\" oifname . ip daddr != @addressed oifname != @routers drop".to_owned()];
    let arrive = ["oifname \"ext0\" ip saddr @published accept", "oifname vmap @arriving"].map(str::to_owned);
    let arrive = addressed.into_iter().chain(untracked::arriving()).chain(arrive);
    table.base("arrive", "filter hook forward priority filter + 10; policy drop;", arrive);
}

/// A guest may speak of its own address only, or of none yet (a probe): else it could fill the namespace's neighbour table.
fn arp(table: &mut Table, vpc: &VpcPlan) {
    let own = |i: &Interface| {
        i.addresses().chain([Ipv4Addr::UNSPECIFIED]).map(|a| format!("\"{}\" . {} . {a}", i.tap, i.mac)).collect::<Vec<_>>()
    };
    table.set("bound", "ifname . ether_addr . ipv4_addr", vpc.interfaces.values().flat_map(own));
    let lines = ["iifname \"tap*\" iifname . arp saddr ether . arp saddr ip != @bound drop".to_owned()];
    table.base(
        "spoofed",
        "filter hook input priority filter; policy accept;",
        lines.into_iter().chain(elsewhere::arp(vpc)).chain(peering::not_for_peers(vpc)),
    );
}
