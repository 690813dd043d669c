//! Which addresses are free: private ones in a subnet, public ones in the pool, MACs in the world.
//!
//! Drawn at random, so that an address is not given to the next one right after it was given back; where the draw finds only taken
//! ones, the free ones are counted out. The database has the last word: each is unique there.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use freehold_proto::id::Entropy;
use freehold_proto::{ErrorCode, Fault};
use ipnet::Ipv4Net;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, QueryTrait};

use crate::network::{cidr_reservation, pool};
use crate::store::{
    Failure, Outcome, Tx, elastic_address, network_interface, network_interface_attachment, private_address, public_address, subnet,
};

/// EC2 keeps a subnet's first four addresses and its last.
/// Source: <https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html>.
const RESERVED_FIRST: u32 = 4;
const RESERVED_LAST: u32 = 1;

/// Draws before counting out.
const DRAWS: usize = 16;

/// What of a network can be given out.
struct Range {
    first: u32,
    count: u32,
}

impl Range {
    fn of(net: Ipv4Net, first: u32, last: u32) -> Self {
        let size = 1_u64 << (32 - net.prefix_len());
        let count = u32::try_from(size.saturating_sub(u64::from(first + last))).unwrap_or(u32::MAX);
        Self { first: u32::from(net.network()) + first, count }
    }

    fn contains(&self, address: Ipv4Addr) -> bool {
        u32::from(address).checked_sub(self.first).is_some_and(|offset| offset < self.count)
    }

    /// What is left of it without some blocks.
    fn without(self, blocks: &[Ipv4Net]) -> Vec<Self> {
        let mut blocks: Vec<(u64, u64)> =
            blocks.iter().map(|block| (u32::from(block.network()).into(), u64::from(u32::from(block.broadcast())) + 1)).collect();
        blocks.sort_unstable();
        let end = u64::from(self.first) + u64::from(self.count);
        let (mut left, mut next) = (Vec::new(), u64::from(self.first));
        for (from, to) in blocks.into_iter().chain([(end, end)]) {
            if let (Ok(first), Ok(count)) = (u32::try_from(next), u32::try_from(from.min(end).saturating_sub(next)))
                && count > 0
            {
                left.push(Self { first, count });
            }
            next = next.max(to);
        }
        left
    }

    fn lowest_free(&self, taken: &BTreeSet<String>) -> Option<Ipv4Addr> {
        (0..self.count).map(|offset| Ipv4Addr::from(self.first + offset)).find(|address| !taken.contains(&address.to_string()))
    }
}

fn parse(net: &str) -> Result<Ipv4Net, Fault> {
    net.parse().map_err(|error| Fault::internal("a stored network is unreadable", error))
}

/// How many addresses a subnet with these reservations gives out unasked.
pub fn capacity(cidr_block: Ipv4Net, reserved: &[Ipv4Net]) -> usize {
    let free = Range::of(cidr_block, RESERVED_FIRST, RESERVED_LAST).without(reserved);
    free.iter().map(|range| range.count as usize).sum()
}

/// A free private address in `subnet`, of none of its reservations.
pub async fn free_private(tx: &Tx, subnet: &subnet::Model) -> Outcome<Ipv4Addr> {
    use private_address::{Column, Entity};
    let range = Range::of(parse(&subnet.cidr_block)?, RESERVED_FIRST, RESERVED_LAST);
    let ranges = range.without(&cidr_reservation::blocks(tx, &subnet.subnet_id).await?);
    for _ in 0..DRAWS {
        let Some(address) = draw_of(&ranges, tx.entropy()) else { break };
        if Entity::find_by_id((subnet.subnet_id.clone(), address.to_string())).one(tx.db()).await?.is_none() {
            return Ok(address);
        }
    }
    let taken = Entity::find().filter(Column::SubnetId.eq(&subnet.subnet_id)).all(tx.db()).await?;
    let taken = taken.into_iter().map(|row| row.address).collect();
    ranges.iter().find_map(|range| range.lowest_free(&taken)).ok_or_else(|| {
        let message =
            format!("There are not enough free addresses in subnet '{}' to satisfy the requested number of instances.", subnet.subnet_id);
        Failure::refuse(ErrorCode::InsufficientFreeAddressesInSubnet, message)
    })
}

/// Checks an address that a client chose. It may be of a reservation, of either type: these keep back what is given out unasked.
pub async fn check_private(tx: &Tx, subnet: &subnet::Model, address: &str) -> Outcome<Ipv4Addr> {
    let refuse = |message: String| Failure::refuse(ErrorCode::InvalidParameterValue, message);
    let parsed: Ipv4Addr =
        address.parse().map_err(|_| refuse(format!("Value ({address}) for parameter privateIpAddress is not an IPv4 address.")))?;
    let net = parse(&subnet.cidr_block)?;
    if !net.contains(&parsed) {
        return Err(refuse(format!("Address {address} does not fall within the subnet's address range")));
    }
    if !Range::of(net, RESERVED_FIRST, RESERVED_LAST).contains(parsed) {
        return Err(refuse(format!("Address {address} is in subnet's reserved address range")));
    }
    let key = (subnet.subnet_id.clone(), parsed.to_string());
    if private_address::Entity::find_by_id(key).one(tx.db()).await?.is_some() {
        return Err(Failure::refuse(ErrorCode::InvalidIpAddressInUse, format!("Address {address} is in use.")));
    }
    Ok(parsed)
}

/// A MAC that nobody has: locally administered, unicast.
pub async fn free_mac(tx: &Tx) -> Outcome<String> {
    for _ in 0..DRAWS {
        let mut bytes = [0_u8; 5];
        tx.entropy().fill(&mut bytes);
        let mac = bytes.iter().fold("02".to_owned(), |mac, byte| format!("{mac}:{byte:02x}"));
        let taken = network_interface::Entity::find().filter(network_interface::Column::MacAddress.eq(&mac)).one(tx.db()).await?;
        if taken.is_none() {
            return Ok(mac);
        }
    }
    Err(Fault::internal("no free MAC address was drawn", "the source of randomness repeats itself").into())
}

/// Gives the primary address of an instance's primary interface a public address, if it has none.
pub async fn assign_public(tx: &Tx, instance_id: &str) -> Outcome<()> {
    use public_address::{Column, Entity};
    let Some(interface) = interfaces_of(tx, instance_id).await?.into_iter().next() else { return Ok(()) };
    let private = primary_of(tx, &interface).await?;
    let there = Entity::find().filter(Column::NetworkInterfaceId.eq(&interface)).filter(Column::PrivateIpAddress.eq(&private));
    if there.one(tx.db()).await?.is_some() {
        return Ok(());
    }
    let address = free_public(tx).await?.to_string();
    let account_id = tx.account().to_owned();
    let row = public_address::Model { address, account_id, network_interface_id: interface, private_ip_address: private };
    row.into_active_model().insert(tx.db()).await?;
    Ok(())
}

/// An interface's primary private address.
pub async fn primary_of(tx: &Tx, network_interface_id: &str) -> Outcome<String> {
    use private_address::{Column, Entity};
    let primary = Entity::find().filter(Column::NetworkInterfaceId.eq(network_interface_id)).filter(Column::IsPrimary.eq(true));
    let absent = || Fault::internal("an interface has no primary address", network_interface_id.to_owned());
    Ok(primary.one(tx.db()).await?.ok_or_else(absent)?.address)
}

/// A public address that nobody has, neither for now nor to keep.
pub async fn free_public(tx: &Tx) -> Outcome<Ipv4Addr> {
    let ranges: Vec<Range> = pool::open(tx).await?.into_iter().map(|block| Range::of(block, 1, 1)).collect();
    for _ in 0..DRAWS {
        let Some(address) = draw_of(&ranges, tx.entropy()) else { break };
        if !is_taken(tx, address).await? {
            return Ok(address);
        }
    }
    let taken = pool::taken(tx.db()).await?.into_iter().map(|address| address.to_string()).collect();
    ranges.iter().find_map(|range| range.lowest_free(&taken)).ok_or_else(|| {
        let message = "The pools of public addresses are used up. Launch without a public address, or ask the operator for a larger pool.";
        Failure::refuse(ErrorCode::InsufficientAddressCapacity, message)
    })
}

/// Each address is as likely as any other.
fn draw_of(ranges: &[Range], entropy: &dyn Entropy) -> Option<Ipv4Addr> {
    let total: u64 = ranges.iter().map(|range| u64::from(range.count)).sum();
    let mut bytes = [0; 8];
    entropy.fill(&mut bytes);
    let mut offset = u64::from_be_bytes(bytes).checked_rem(total)?;
    for range in ranges {
        match u32::try_from(offset) {
            Ok(within) if within < range.count => return Some(Ipv4Addr::from(range.first + within)),
            _ => offset -= u64::from(range.count),
        }
    }
    None
}

async fn is_taken(tx: &Tx, address: Ipv4Addr) -> Outcome<bool> {
    let (used, kept) = (public_address::Entity::find_by_id(address.to_string()), elastic_address::Entity::find());
    let kept = kept.filter(elastic_address::Column::Address.eq(address.to_string()));
    Ok(used.one(tx.db()).await?.is_some() || kept.one(tx.db()).await?.is_some())
}

/// Checks a public address that a client chose.
pub async fn check_public(tx: &Tx, address: &str) -> Outcome<Ipv4Addr> {
    let parsed: Ipv4Addr = address.parse().map_err(|_| {
        let message = format!("Value ({address}) for parameter address is invalid. Invalid IPv4 address.");
        Failure::refuse(ErrorCode::InvalidParameterValue, message)
    })?;
    let pools = pool::open(tx).await?;
    if !pools.iter().any(|block| Range::of(*block, 1, 1).contains(parsed)) {
        let pools: Vec<String> = pools.iter().map(ToString::to_string).collect();
        let message = format!("Address '{address}' not found: it is in no pool that is open ({}).", pools.join(", "));
        return Err(Failure::refuse(ErrorCode::InvalidAddressNotFound, message));
    }
    if is_taken(tx, parsed).await? {
        return Err(Failure::refuse(ErrorCode::InvalidIpAddressInUse, format!("Address {address} is in use.")));
    }
    Ok(parsed)
}

/// An instance has stopped: the pool has back what it was given for as long as it ran.
pub async fn give_back(tx: &Tx, instance_id: &str) -> Outcome<()> {
    let kept = elastic_address::Entity::find().select_only().column(elastic_address::Column::Address).into_query();
    for interface in interfaces_of(tx, instance_id).await? {
        let of_interface = public_address::Entity::delete_many().filter(public_address::Column::NetworkInterfaceId.eq(interface));
        of_interface.filter(public_address::Column::Address.not_in_subquery(kept.clone())).exec(tx.db()).await?;
    }
    Ok(())
}

/// Ids of an instance's interfaces, by device index.
pub async fn interfaces_of(tx: &Tx, instance_id: &str) -> Outcome<Vec<String>> {
    use network_interface_attachment::{Column, Entity};
    let attached = Entity::find().filter(Column::InstanceId.eq(instance_id)).order_by_asc(Column::DeviceIndex).all(tx.db()).await?;
    Ok(attached.into_iter().map(|attachment| attachment.network_interface_id).collect())
}

#[cfg(test)]
mod tests {
    use freehold_proto::id::OsEntropy;

    use super::*;

    #[test]
    fn reserved_addresses_are_never_given_out() {
        let range = Range::of("10.0.0.0/29".parse().expect("a net"), RESERVED_FIRST, RESERVED_LAST);
        let all: BTreeSet<String> =
            (0..100).filter_map(|_| draw_of(std::slice::from_ref(&range), &OsEntropy)).map(|address| address.to_string()).collect();
        assert!(all.iter().all(|address| ["10.0.0.4", "10.0.0.5", "10.0.0.6"].contains(&address.as_str())), "{all:?}");
        assert_eq!(range.lowest_free(&["10.0.0.4".to_owned()].into()), Some(Ipv4Addr::new(10, 0, 0, 5)));
        let full = ["10.0.0.4", "10.0.0.5", "10.0.0.6"].map(str::to_owned).into();
        assert_eq!(range.lowest_free(&full), None);
        let nets = |texts: &[&str]| texts.iter().map(|text| text.parse().expect("a net")).collect::<Vec<Ipv4Net>>();
        let left = |blocks: &[&str]| {
            let range = Range::of("10.0.0.0/24".parse().expect("a net"), RESERVED_FIRST, RESERVED_LAST);
            let left = range.without(&nets(blocks)).into_iter();
            left.map(|range| (Ipv4Addr::from(range.first).octets()[3], range.count)).collect::<Vec<_>>()
        };
        assert_eq!(left(&[]), [(4, 251)]);
        assert_eq!(left(&["10.0.0.64/28", "10.0.0.0/28", "10.0.0.80/28"]), [(16, 48), (96, 159)]);
        assert_eq!(left(&["10.0.0.128/25", "10.0.0.4/32"]), [(5, 123)]);
        assert_eq!(left(&["10.0.0.0/24"]), []);
        let capacity = |block: &str, reserved: &[&str]| capacity(block.parse().expect("a net"), &nets(reserved));
        assert_eq!(
            (capacity("172.31.0.0/20", &[]), capacity("10.0.0.0/28", &[]), capacity("10.0.0.0/28", &["10.0.0.8/29"])),
            (4091, 11, 4)
        );
        let two = ["10.0.0.0/30", "10.1.0.0/31", "10.2.0.0/30"].map(|block| Range::of(block.parse().expect("a net"), 1, 1));
        let all: BTreeSet<String> = (0..100).filter_map(|_| draw_of(&two, &OsEntropy)).map(|address| address.to_string()).collect();
        assert_eq!(all.iter().map(String::as_str).collect::<Vec<_>>(), ["10.0.0.1", "10.0.0.2", "10.2.0.1", "10.2.0.2"]);
        assert!(draw_of(&[], &OsEntropy).is_none());
        assert!(draw_of(&[Range::of("10.0.0.0/32".parse().expect("a net"), 1, 1)], &OsEntropy).is_none());
    }
}
