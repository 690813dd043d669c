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

use std::collections::BTreeMap;
use std::fmt::{Display, Write};
use std::net::Ipv4Addr;

use super::rules::{Group, Peer, Rule};
use super::{Interface, METADATA, RESOLVER, VpcPlan, acl};

pub fn ruleset(vpc: &VpcPlan, groups: &BTreeMap<String, Group>) -> String {
    let mut text = String::with_capacity(4096 + 512 * vpc.interfaces.len());
    for family in ["inet", "arp"] {
        // Named once before it is deleted, so that the first time is like every other.
        // Writing to a String can not fail, here and below.
        let _ = write!(text, "table {family} freehold\ndelete table {family} freehold\n");
    }
    text += "table inet freehold {\n";
    bindings(&mut text, vpc);
    for (id, group) in groups {
        set(&mut text, &format!("members-{id}"), "ipv4_addr", &group.members);
        chain(&mut text, &format!("{id}_in"), group.ingress.iter().map(|rule| accept(rule, "saddr")));
        chain(&mut text, &format!("{id}_out"), group.egress.iter().map(|rule| accept(rule, "daddr")));
    }
    for interface in vpc.interfaces.values() {
        interface_chain(&mut text, interface, "in");
        interface_chain(&mut text, interface, "out");
    }
    verdicts(&mut text, vpc, "leaving", "out");
    verdicts(&mut text, vpc, "arriving", "in");
    acl::borders(&mut text, vpc);
    text += &base_chains(vpc);
    text += "}\n";
    text += &arp(vpc);
    text
}

fn bindings(text: &mut String, vpc: &VpcPlan) {
    let all = || vpc.interfaces.values();
    let each = || all().flat_map(|interface| interface.addresses().map(move |address| (interface, address)));
    let hardware = |interface: &Interface| format!("\"{}\" . {}", interface.tap, interface.mac);
    set(text, "bound", "ifname . ether_addr . ipv4_addr", each().map(|(i, address)| format!("\"{}\" . {} . {address}", i.tap, i.mac)));
    set(text, "hardware", "ifname . ether_addr", all().map(hardware));
    set(text, "addressed", "ifname . ipv4_addr", each().map(|(i, address)| format!("\"{}\" . {address}", i.tap)));
    set(text, "routers", "ifname", all().filter(|i| !i.source_dest_check).map(|i| format!("\"{}\"", i.tap)));
    set(text, "published", "ipv4_addr", vpc.public().map(|(_, private)| private));
    map(text, "to_private", "ipv4_addr : ipv4_addr", vpc.public().map(|(public, private)| format!("{public} : {private}")));
    map(text, "to_public", "ipv4_addr : ipv4_addr", vpc.public().map(|(public, private)| format!("{private} : {public}")));
}

fn accept(rule: &Rule, side: &str) -> String {
    let peer = match &rule.peer {
        Peer::Anyone => String::new(),
        Peer::Block(block) => format!("ip {side} {block} "),
        Peer::Group(id) => format!("ip {side} @members-{id} "),
    };
    format!("{peer}{}accept", rule.traffic)
}

fn interface_chain(text: &mut String, interface: &Interface, direction: &str) {
    // What a NAT gateway is handed is asked about by the groups of whoever sends and by its subnet's ACL.
    if interface.translates {
        return chain(text, &format!("{}_{direction}", interface.network_interface_id), ["accept".to_owned()]);
    }
    let jumps = interface.groups.iter().map(|group| format!("jump {group}_{direction}"));
    chain(text, &format!("{}_{direction}", interface.network_interface_id), jumps.chain(["drop".to_owned()]));
}

fn verdicts(text: &mut String, vpc: &VpcPlan, name: &str, direction: &str) {
    let verdict = |i: &Interface| format!("\"{}\" : jump {}_{direction}", i.tap, i.network_interface_id);
    map(text, name, "ifname : verdict", vpc.interfaces.values().map(verdict));
}

fn base_chains(vpc: &VpcPlan) -> String {
    let resolver = vpc.resolver;
    let resolve = if vpc.resolves { "accept" } else { "drop" };
    format!(
        r#"
	chain spoofed {{
		type filter hook prerouting priority raw; policy accept;
		iifname != "tap*" accept
		meta nfproto != ipv4 drop
		iifname . ether saddr != @hardware drop
		udp sport 67 udp dport 68 drop
		ip saddr 0.0.0.0 ip daddr 255.255.255.255 udp sport 68 udp dport 67 accept
		iifname . ether saddr . ip saddr @bound accept
		iifname @routers ip daddr != {{ {METADATA}, {RESOLVER}, {resolver} }} accept
		drop
	}}
	chain public_to_private {{
		type nat hook prerouting priority dstnat; policy accept;
		iifname "ext0" dnat ip to ip daddr map @to_private
	}}
	chain private_to_public {{
		type nat hook postrouting priority srcnat; policy accept;
		oifname "ext0" snat ip to ip saddr map @to_public
	}}
	chain reach_the_host {{
		type filter hook input priority filter; policy drop;
		ct state established,related accept
		iifname "lo" accept
		iifname "tap*" udp dport 67 accept
		iifname "tap*" ip daddr {{ {resolver}, {RESOLVER} }} meta l4proto {{ tcp, udp }} th dport 53 {resolve}
		iifname "tap*" ip daddr {METADATA} tcp dport 80 accept
	}}
	chain leave {{
		type filter hook forward priority filter; policy drop;
		ct state established,related accept
		ct state invalid drop
		iifname "ext0" ct status dnat accept
		iifname vmap @leaving
	}}
	chain arrive {{
		type filter hook forward priority filter + 10; policy drop;
		oifname "tap*" oifname . ip daddr != @addressed oifname != @routers drop
		ct state established,related accept
		oifname "ext0" ip saddr @published accept
		oifname vmap @arriving
	}}
"#
    )
}

/// A guest may speak of its own address only, or of none yet (a probe): else it could fill the namespace's neighbour table.
fn arp(vpc: &VpcPlan) -> String {
    let mut text = String::from("table arp freehold {\n");
    let own = |i: &Interface| {
        i.addresses().chain([Ipv4Addr::UNSPECIFIED]).map(|a| format!("\"{}\" . {} . {a}", i.tap, i.mac)).collect::<Vec<_>>()
    };
    set(&mut text, "bound", "ifname . ether_addr . ipv4_addr", vpc.interfaces.values().flat_map(own));
    text += "\tchain spoofed {\n\t\ttype filter hook input priority filter; policy accept;\n";
    text += "\t\tiifname \"tap*\" iifname . arp saddr ether . arp saddr ip != @bound drop\n\t}\n}\n";
    text
}

pub fn set<T: Display>(text: &mut String, name: &str, kind: &str, elements: impl IntoIterator<Item = T>) {
    collection(text, "set", name, kind, elements);
}

pub fn map<T: Display>(text: &mut String, name: &str, kind: &str, elements: impl IntoIterator<Item = T>) {
    collection(text, "map", name, kind, elements);
}

fn collection<T: Display>(text: &mut String, what: &str, name: &str, kind: &str, elements: impl IntoIterator<Item = T>) {
    let elements: Vec<String> = elements.into_iter().map(|element| element.to_string()).collect();
    let elements = if elements.is_empty() { String::new() } else { format!(" elements = {{ {} }}", elements.join(", ")) };
    let _ = writeln!(text, "\t{what} {name} {{ type {kind};{elements}\n\t}}");
}

pub fn chain(text: &mut String, name: &str, lines: impl IntoIterator<Item = String>) {
    let _ = writeln!(text, "\tchain {name} {{");
    for line in lines {
        let _ = writeln!(text, "\t\t{line}");
    }
    text.push_str("\t}\n");
}
