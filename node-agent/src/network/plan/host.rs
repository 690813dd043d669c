//! The nftables rules of the host's own namespace: one table, named after the host id, beside whatever firewall the host has.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use super::ruleset::{Ruleset, Table};
use super::{HostPlan, Outside, public};
use crate::network::names;

pub fn ruleset(plan: &HostPlan, host_id: &str, outside: &Outside) -> Ruleset {
    let mut ruleset = Ruleset::default();
    let table = ruleset.table(&format!("inet {}", names::host_table(host_id)));
    let (ours, any) = (names::uplink_prefix(host_id), names::ANY_UPLINK);
    table.set("public", "ipv4_addr", plan.public());
    let translated: BTreeSet<_> = plan.translated.iter().chain(&outside.masquerade).collect();
    table.set("translated", "ipv4_addr; flags interval; auto-merge", translated);
    table.set("opened", "ifname", outside.opened.iter().map(|name| format!("\"{name}\"")));
    table.set("host_ports", "inet_service", &outside.host_ports);
    let no_listener = [
        &format!("iifname != \"{ours}*\" accept"),
        "ip saddr != @public drop",
        "meta nfproto != ipv4 drop",
        "ct state { established, related } accept",
        "fib daddr type local tcp dport @host_ports accept",
        "fib daddr type local drop",
    ];
    table.base("guests_reach_no_listener", "filter hook prerouting priority mangle; policy accept;", no_listener);
    let guarded = tunnels(table, plan, outside.tunnel_address);
    public::chains(table, plan, host_id, outside);
    let through = [
        format!("iifname \"{ours}*\" oifname != \"{any}*\" tcp flags syn tcp option maxseg size set rt mtu"),
        format!("oifname \"{ours}*\" ip daddr != @public drop"),
        format!("iifname @opened oifname != \"{any}*\" drop"),
    ];
    let through = guarded.into_iter().chain(through);
    table.base("through", "filter hook forward priority filter; policy accept;", through);
    let between_hosts = names::ANY_PUBLIC_TUNNEL;
    let outside = [format!("oifname != \"{any}*\" oifname != \"{between_hosts}*\" ip saddr @public ip saddr @translated masquerade")];
    table.base("outside", "nat hook postrouting priority srcnat; policy accept;", outside);
    ruleset
}

/// Of tunnels between hosts, and of no other's on this machine, only the hosts that are known get in: the number is where VXLAN has it (RFC 7348).
/// Answers what keeps a guest, whose packets may leave under this host's own address, from speaking in a tunnel as this host.
fn tunnels(table: &mut Table, plan: &HostPlan, address: Option<Ipv4Addr>) -> Vec<String> {
    let joined = || plan.vpcs.values().filter(|vpc| vpc.is_tunnelled());
    let public = plan.is_joined().then_some(names::PUBLIC_TUNNEL);
    let numbers: Vec<String> = joined().map(|vpc| vpc.vni).chain(public).map(|number| format!("{number:#x}")).collect();
    let Some(address) = address.filter(|_| !numbers.is_empty()) else { return Vec::new() };
    let hosts = joined().flat_map(|vpc| vpc.speakers()).chain(plan.elsewhere.hosts.iter().copied());
    table.set("hosts", "ipv4_addr", hosts.collect::<BTreeSet<Ipv4Addr>>());
    let (port, numbers) = (names::TUNNEL_PORT, numbers.join(", "));
    let lines = [format!("ip daddr {address} udp dport {port} @th,96,24 {{ {numbers} }} ip saddr != @hosts drop")];
    table.base("tunnels", "filter hook input priority filter - 5; policy accept;", lines);
    let (guest, between) = (names::ANY_UPLINK, names::ANY_PUBLIC_TUNNEL);
    let guests = format!("iifname \"{guest}*\" oifname != \"{guest}*\" oifname != \"{between}*\" udp dport {port}");
    vec![format!("{guests} ip daddr @hosts drop"), format!("{guests} ip saddr @translated drop")]
}
