//! The nftables rules of the host's own namespace: one table, named after the host id, beside whatever firewall the host has.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use super::{HostPlan, Outside};
use crate::network::names;

pub fn ruleset(plan: &HostPlan, host_id: &str, outside: &Outside) -> String {
    let table = names::host_table(host_id);
    let ours = names::uplink_prefix(host_id);
    let any = names::ANY_UPLINK;
    let public: BTreeSet<Ipv4Addr> = plan.vpcs.values().flat_map(|vpc| vpc.public()).map(|(public, _)| public).collect();
    let public = elements(public);
    let masquerade = elements(&outside.masquerade);
    let host_ports = elements(&outside.host_ports);
    let opened = elements(outside.opened.iter().map(|name| format!("\"{name}\"")));
    format!(
        r#"table inet {table}
delete table inet {table}
table inet {table} {{
	set public {{ type ipv4_addr;{public}
	}}
	set translated {{ type ipv4_addr; flags interval; auto-merge;{masquerade}
	}}
	set opened {{ type ifname;{opened}
	}}
	set host_ports {{ type inet_service;{host_ports}
	}}
	chain guests_reach_no_listener {{
		type filter hook prerouting priority mangle; policy accept;
		iifname != "{ours}*" accept
		ip saddr != @public drop
		meta nfproto != ipv4 drop
		ct state {{ established, related }} accept
		fib daddr type local tcp dport @host_ports accept
		fib daddr type local drop
	}}
	chain through {{
		type filter hook forward priority filter; policy accept;
		iifname "{ours}*" oifname != "{any}*" tcp flags syn tcp option maxseg size set rt mtu
		oifname "{ours}*" ip daddr != @public drop
		iifname @opened oifname != "{any}*" drop
	}}
	chain outside {{
		type nat hook postrouting priority srcnat; policy accept;
		oifname != "{any}*" ip saddr @public ip saddr @translated masquerade
	}}
}}
"#
    )
}

fn elements<T: ToString>(elements: impl IntoIterator<Item = T>) -> String {
    let elements: Vec<String> = elements.into_iter().map(|element| element.to_string()).collect();
    if elements.is_empty() { String::new() } else { format!(" elements = {{ {} }}", elements.join(", ")) }
}
