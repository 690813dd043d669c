//! Public addresses on other hosts, and how packets to them go there.
//!
//! ```text
//!  ext0 ═ fhv… (from its public address) ─▶ route ─▶ fhp… ═ VXLAN of the hosts ═▶ fhp… ─▶ from_other_hosts (whose address?) ─▶ fhv… ═ ext0
//! ```
//!
//! One tunnel for all VPCs, in the host's own namespace: what is in it has public addresses at both ends. What comes in goes to a public address of
//! this host or nowhere, and what goes out comes from one or from the host itself. A host's own packets bear its hop, since its own
//! address is where the tunnel's outer packets go.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use super::elsewhere::{hop, mac};
use super::ruleset::Table;
use super::{Fault, HostPlan, Outside, address};
use crate::desired::Desired;
use crate::network::names;

/// What is known of other hosts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublicElsewhere {
    /// Each with the tunnel address of its host.
    pub addresses: BTreeMap<Ipv4Addr, Ipv4Addr>,
    /// By tunnel address.
    pub hosts: BTreeSet<Ipv4Addr>,
}

impl PublicElsewhere {
    /// What is understood of what was stated. An address that is `here`, or a host's own, is nowhere else.
    pub fn new(desired: &Desired, here: &BTreeSet<Ipv4Addr>, faults: &mut Vec<Fault>) -> Self {
        let mut elsewhere = Self::default();
        let mut hops: BTreeMap<Ipv4Addr, Ipv4Addr> = BTreeMap::new();
        for (id, stated) in &desired.public_elsewhere {
            let mut read = || {
                let (public, host) = (address(&stated.public_ip_address)?, address(&stated.tunnel_address)?);
                if *hops.entry(hop(host)).or_insert(host) != host {
                    return Err(format!("the tunnel address {host} differs from another host's in its first four bits alone"));
                }
                Ok((public, host))
            };
            match read() {
                Ok((public, host)) => {
                    elsewhere.hosts.insert(host);
                    elsewhere.addresses.insert(public, host);
                }
                Err(reason) => faults.push(Fault { subject: id.clone(), reason }),
            }
        }
        let hosts = elsewhere.hosts.clone();
        elsewhere.addresses.retain(|public, _| !here.contains(public) && !hosts.contains(public));
        elsewhere
    }
}

impl HostPlan {
    /// The public addresses of this host.
    pub fn public(&self) -> BTreeSet<Ipv4Addr> {
        self.vpcs.values().flat_map(|vpc| vpc.public()).map(|(public, _)| public).collect()
    }

    /// Whether packets to public addresses go from this host to another, or the other way.
    pub fn is_joined(&self) -> bool {
        let any = !self.elsewhere.hosts.is_empty() && self.vpcs.values().any(|vpc| vpc.public().next().is_some());
        !self.vpcs.is_empty() && (any || !self.elsewhere.addresses.is_empty())
    }
}

/// What packets from and to other hosts pass in the host's own namespace.
pub fn chains(table: &mut Table, plan: &HostPlan, host_id: &str, outside: &Outside) {
    if outside.tunnel_address.is_none() || !plan.is_joined() {
        return;
    }
    let (link, ours) = (names::public_tunnel(host_id), names::uplink_prefix(host_id));
    let hosts = || plan.elsewhere.hosts.iter().copied();
    let theirs = plan.elsewhere.addresses.iter().map(|(public, host)| (*host, *public));
    let bound = theirs.chain(hosts().map(|host| (host, hop(host)))).map(|(host, address)| format!("{} . {address}", mac(host)));
    table.set("public_elsewhere", "ether_addr . ipv4_addr", bound);
    table.set("hops", "ipv4_addr", hosts().map(hop));
    let from = [
        &format!("iifname != \"{link}\" accept"),
        "meta mark set 0",
        "meta nfproto != ipv4 drop",
        "ether saddr . ip saddr @public_elsewhere accept",
        "drop",
    ];
    table.base("from_other_hosts", "filter hook prerouting priority raw; policy accept;", from);
    let between = [format!("iifname \"{link}\" oifname != \"{ours}*\" drop"), format!("oifname \"{link}\" iifname != \"{ours}*\" drop")];
    table.base("between_hosts", "filter hook forward priority filter - 5; policy accept;", between);
    // This host asks other hosts' guests, and is asked by nobody.
    let asked = [format!("iifname \"{link}\" ct state {{ established, related }} accept"), format!("iifname \"{link}\" drop")];
    table.base("hosts_are_not_asked", "filter hook input priority filter - 5; policy accept;", asked);
    table.base(
        "to_other_hosts",
        "filter hook postrouting priority mangle; policy accept;",
        [format!("oifname \"{link}\" meta mark set 0")],
    );
    // To a guest, another host is as its own: it would not take a hop for an address.
    let seen_as = outside.host_address;
    let hidden = [format!("oifname \"{ours}*\" ip saddr @hops snat ip to {seen_as}")];
    table.base("hosts_as_this_one", "nat hook postrouting priority srcnat; policy accept;", hidden);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use freehold_proto::internal::host::PublicAddressElsewhere;

    use super::*;

    #[test]
    fn what_is_here_or_a_hosts_own_is_nowhere_else_and_hosts_of_one_hop_are_told_apart() {
        let stated = [
            ("10.9.0.1", "10.9.0.1"),
            ("198.18.0.1", "10.9.0.1"),
            ("198.18.0.2", "10.9.0.1"),
            ("198.18.0.3", "26.9.0.1"),
            ("198.18.0.4", "10.9.0"),
            ("10.9.0.2", "10.9.0.2"),
        ];
        let stated = stated.map(|(public, tunnel)| {
            let stated = PublicAddressElsewhere { public_ip_address: public.into(), tunnel_address: tunnel.into() };
            (public.to_owned(), Arc::new(stated))
        });
        let desired = Desired { public_elsewhere: stated.into(), ..Desired::default() };
        let mut faults = Vec::new();
        let here = BTreeSet::from([Ipv4Addr::new(198, 18, 0, 2)]);
        let elsewhere = PublicElsewhere::new(&desired, &here, &mut faults);
        let [host, other] = [Ipv4Addr::new(10, 9, 0, 1), Ipv4Addr::new(10, 9, 0, 2)];
        assert_eq!(elsewhere.addresses, [(Ipv4Addr::new(198, 18, 0, 1), host)].into());
        assert_eq!(elsewhere.hosts, [host, other].into());
        assert_eq!(faults.iter().map(|fault| fault.subject.as_str()).collect::<Vec<_>>(), ["198.18.0.3", "198.18.0.4"]);
    }
}
