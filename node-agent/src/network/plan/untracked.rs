//! Flows that end when a rule does.
//!
//! EC2 tracks a flow's state unless both directions are open anyway: a rule lets the flow of TCP or UDP through for all addresses, and one of the
//! other direction lets all ports through for all addresses. Such a flow is judged packet by packet, so a revoked rule cuts it.
//!
//! Here every flow is tracked, as its addresses are translated, and a mark of the flow says on whose side it is judged by packet all the same.
//! Flows are marked when they begin, by the rule that lets them through.

use super::filter::tap;
use super::rules::{Group, Peer, Rule, Traffic};
use super::ruleset::Table;
use super::{Interface, VpcPlan};

/// Marks of a flow: the guest that began it judges by packet, the one that it was begun with does.
const BY_SENDER: u32 = 1;
const BY_RECEIVER: u32 = 2;
const PROTOCOLS: [&str; 2] = ["tcp", "udp"];

/// What lets the packets of tracked flows through on the side of whom they come from. Word that something went wrong with a flow is heard
/// from its ends and from those who forward, not from a third guest who guesses that there is one.
pub fn leaving() -> [String; 4] {
    let of_no_end = "iifname . ct original ip saddr != @addressed iifname . ct reply ip saddr != @addressed";
    let third = format!("ct state related iifname \"tap*\" iifname != @routers {of_no_end} drop");
    let [related, original, reply] = tracked(BY_SENDER, BY_RECEIVER);
    [third, related, original, reply]
}

/// The same on the side of whom they go to.
pub fn arriving() -> [String; 3] {
    tracked(BY_RECEIVER, BY_SENDER)
}

fn tracked(original: u32, reply: u32) -> [String; 3] {
    let by = |direction: &str, mark: u32| format!("ct state established ct direction {direction} ct mark & {mark} == 0 accept");
    // That something went wrong with a flow is always heard.
    ["ct state related accept".to_owned(), by("original", original), by("reply", reply)]
}

/// The name of a group's chain of rules for all addresses. It is asked about new flows before any other rule, as the most permissive rule counts.
pub fn chain_name(group_id: &str, direction: &str) -> String {
    format!("{group_id}_{direction}_open")
}

pub fn chains(table: &mut Table, group_id: &str, group: &Group) {
    for (direction, rules) in [("in", &group.ingress), ("out", &group.egress)] {
        table.chain(&chain_name(group_id, direction), rules.iter().flat_map(|rule| lines(rule, direction)));
    }
}

fn lines(rule: &Rule, direction: &str) -> Vec<String> {
    let (side, other, mark) = if direction == "in" { ("oifname", "out", BY_RECEIVER) } else { ("iifname", "in", BY_SENDER) };
    let line = |protocol: &str, traffic: &str| format!("{side} @open_{other}_{protocol} {traffic}ct mark set ct mark | {mark} accept");
    match (&rule.peer, &rule.traffic) {
        (Peer::Anyone, Traffic::Any) => PROTOCOLS.iter().map(|protocol| line(protocol, &format!("meta l4proto {protocol} "))).collect(),
        (Peer::Anyone, Traffic::Ports { protocol, .. }) => vec![line(protocol, &rule.traffic.to_string())],
        _ => Vec::new(),
    }
}

/// The interfaces on which all flows of a protocol pass in one direction.
pub fn sets(table: &mut Table, vpc: &VpcPlan) {
    for protocol in PROTOCOLS {
        let open = |interface: &Interface, side: fn(&Group) -> &Vec<Rule>| {
            interface.groups.iter().filter_map(|id| vpc.groups.get(id)).flat_map(side).any(|rule| is_open(rule, protocol))
        };
        let names = |side: fn(&Group) -> &Vec<Rule>| vpc.interfaces.values().filter(move |interface| open(interface, side)).map(tap);
        table.set(&format!("open_in_{protocol}"), "ifname", names(|group| &group.ingress));
        table.set(&format!("open_out_{protocol}"), "ifname", names(|group| &group.egress));
    }
}

fn is_open(rule: &Rule, of: &str) -> bool {
    let all = match rule.traffic {
        Traffic::Any => true,
        Traffic::Ports { protocol, from: 0, to: u16::MAX } => protocol == of,
        _ => false,
    };
    all && rule.peer == Peer::Anyone
}
