//! What the data plane calls things on the host. Every name that lives outside a VPC's own namespace carries the host id, so that
//! several agents share a machine and each finds, and removes, only what is its own.

/// `ip netns` lists it, and `ip netns exec` enters it.
pub fn namespace(host_id: &str, vpc_id: &str) -> String {
    format!("{}{vpc_id}", namespace_prefix(host_id))
}

/// What every namespace of this host id starts with.
pub fn namespace_prefix(host_id: &str) -> String {
    format!("freehold-{host_id}-")
}

/// The host's end of the pair that joins it to a VPC's namespace. An interface name has at most 15 bytes.
pub fn uplink(host_id: &str, vpc_id: &str) -> String {
    format!("{}{}", uplink_prefix(host_id), short(vpc_id, 8))
}

/// What the host's ends of this host id start with, and nothing else does: nftables matches `PREFIX*`.
pub fn uplink_prefix(host_id: &str) -> String {
    format!("{ANY_UPLINK}{}", short(host_id, 4))
}

/// The host's own tunnel to public addresses on other hosts.
pub fn public_tunnel(host_id: &str) -> String {
    format!("{ANY_PUBLIC_TUNNEL}{}", short(host_id, 8))
}

/// What such a tunnel of *any* agent on the machine starts with.
pub const ANY_PUBLIC_TUNNEL: &str = "fhp";

/// Its number. Those of VPCs begin above it.
pub const PUBLIC_TUNNEL: u32 = 4095;

/// What the host's ends of *any* agent on the machine start with.
pub const ANY_UPLINK: &str = "fhv";

/// The VPC's end of that pair, inside the namespace.
pub const EXTERNAL: &str = "ext0";

/// The way to other hosts, inside the namespace.
pub const TUNNEL: &str = "vx0";

/// What every link to a peered VPC starts with, inside both namespaces.
pub const PEERING: &str = "pcx";

/// `pcx-0123456789abcdef0` has `pcx56789abcdef0` in the namespaces of both VPCs.
pub fn peering(vpc_peering_connection_id: &str) -> String {
    format!("{PEERING}{}", last_digits(vpc_peering_connection_id))
}

/// Where VXLAN is taken, on the hosts' own network.
pub const TUNNEL_PORT: u16 = 4789;

/// What every guest's interface starts with, inside a VPC's namespace.
pub const TAP: &str = "tap";

/// `eni-0123456789abcdef0` has `tap56789abcdef0`: its last 12 digits, which a reader finds again by eye.
pub fn tap(network_interface_id: &str) -> String {
    format!("{TAP}{}", last_digits(network_interface_id))
}

fn last_digits(id: &str) -> &str {
    let digits = id.rsplit('-').next().unwrap_or_default();
    digits.get(digits.len().saturating_sub(12)..).unwrap_or_default()
}

/// The routing table, inside a VPC's namespace, for what the namespace itself sends.
pub const OWN_TABLE: u32 = 70;

/// The routing table, inside a VPC's namespace, of a route table: a number of its own, whatever other tables there are, beyond those that
/// the kernel and people use.
pub fn routing_table(route_table_id: &str) -> u32 {
    let hash = *blake3::hash(route_table_id.as_bytes()).as_bytes();
    u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]) | 1 << 16
}

/// What a packet on its way to a router on another host bears, of 16 bits. As an address it is link-local, and nothing else's.
pub fn router_number(network_interface_id: &str) -> u16 {
    let hash = *blake3::hash(network_interface_id.as_bytes()).as_bytes();
    let mut numbers = hash.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    let free = |number: &u16| !matches!(number >> 8, 0 | 169 | 255);
    numbers.find(free).unwrap_or(0x0101)
}

/// The host's own nftables table.
pub fn host_table(host_id: &str) -> String {
    format!("freehold-{host_id}")
}

fn short(text: &str, digits: usize) -> String {
    blake3::hash(text.as_bytes()).to_hex().chars().take(digits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_interfaces_fit_the_kernels_15_bytes() {
        assert_eq!(tap("eni-0123456789abcdef0"), "tap56789abcdef0");
        assert_eq!(uplink("host-0123456789abcdef0", "vpc-0123456789abcdef0").len(), 15);
        assert_eq!(tap("eni-0123abcd"), "tap0123abcd");
        assert_eq!(peering("pcx-0123456789abcdef0"), "pcx56789abcdef0");
    }

    #[test]
    fn two_hosts_share_no_name() {
        assert_ne!(uplink_prefix("host-a"), uplink_prefix("host-b"));
        assert_ne!(namespace("host-a", "vpc-1"), namespace("host-b", "vpc-1"));
        assert!(uplink("host-a", "vpc-1").starts_with(&uplink_prefix("host-a")));
    }
}
