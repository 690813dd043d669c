//! Which blocks of addresses a VPC and a subnet may have. Pure.
//!
//! Sources: <https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html>,
//! <https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html>.

use std::net::Ipv4Addr;

use freehold_proto::{ErrorCode, Fault};
use ipnet::{Ipv4Net, Ipv6Net};

/// Of a VPC's block as of a subnet's.
const LARGEST: u8 = 16;
const SMALLEST: u8 = 28;

/// The ranges that are private to a network. A VPC has blocks of one of them at most.
const PRIVATE: [Ipv4Net; 3] = [net(10, 0, 8), net(172, 16, 12), net(192, 168, 16)];
/// AWS keeps it for its own services.
const KEPT: Ipv4Net = net(198, 19, 16);
/// A VPC of the first half of 10.0.0.0/15 or the second takes no block of the first later.
const TEN_ZERO: Ipv4Net = net(10, 0, 16);
const TEN_ZERO_AND_ONE: Ipv4Net = net(10, 0, 15);
/// The default VPC's.
const DEFAULT: Ipv4Net = net(172, 31, 16);

const fn net(first: u8, second: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(first, second, 0, 0), prefix)
}

/// Reads a block as a client writes it; host bits are cleared, as EC2 does.
pub fn parse(parameter: &str, text: &str) -> Result<Ipv4Net, Fault> {
    // Only the one way to write it: leading zeros mean octal to some readers.
    let block = text.parse::<Ipv4Net>().ok().filter(|block| block.to_string() == text);
    Ok(block.ok_or_else(|| malformed(parameter, text))?.trunc())
}

/// The same of IPv6, where an address has many spellings.
pub fn parse_ipv6(parameter: &str, text: &str) -> Result<Ipv6Net, Fault> {
    Ok(text.parse::<Ipv6Net>().map_err(|_| malformed(parameter, text))?.trunc())
}

fn malformed(parameter: &str, text: &str) -> Fault {
    let message = format!("Value ({text}) for parameter {parameter} is invalid. This is not a valid CIDR block.");
    Fault::new(ErrorCode::InvalidParameterValue, message)
}

/// Whether two blocks share an address.
pub fn overlap(a: &Ipv4Net, b: &Ipv4Net) -> bool {
    a.contains(b) || b.contains(a)
}

/// A block that a VPC may have.
pub fn of_vpc(text: &str) -> Result<Ipv4Net, Fault> {
    let block = parse("cidrBlock", text)?;
    if !sized(block) {
        return Err(Fault::new(ErrorCode::InvalidVpcRange, format!("The CIDR '{text}' is invalid. Use a block from /16 to /28.")));
    }
    let first = block.network();
    if first.is_loopback() || first.is_link_local() || first.is_multicast() || first.octets()[0] == 0 || first.octets()[0] >= 240 {
        let message = format!("The CIDR '{text}' is invalid. No host can have an address of it.");
        return Err(Fault::new(ErrorCode::InvalidVpcRange, message));
    }
    Ok(block)
}

/// A block that a VPC with the blocks `has`, its first one first, may have as well.
pub fn of_vpc_besides(has: &[Ipv4Net], text: &str) -> Result<Ipv4Net, Fault> {
    let block = of_vpc(text)?;
    if let Some(other) = has.iter().find(|other| overlap(other, &block)) {
        let message = format!("The CIDR '{block}' overlaps with the VPC's block '{other}'.");
        return Err(Fault::new(ErrorCode::InvalidVpcRange, message));
    }
    let range = |block: &Ipv4Net| PRIVATE.iter().position(|range| range.contains(block));
    let other_range = range(&block).is_some_and(|of| has.first().and_then(range) != Some(of));
    let beside_ten = TEN_ZERO.contains(&block) && has.iter().any(|other| TEN_ZERO_AND_ONE.contains(other));
    if other_range || beside_ten || overlap(&KEPT, &block) || overlap(&DEFAULT, &block) {
        let message = format!(
            "The CIDR '{block}' is restricted. Use a CIDR from the same private address range as the current VPC CIDR, or use a \
             publicly-routable CIDR. For additional restrictions, see https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html"
        );
        return Err(Fault::new(ErrorCode::InvalidVpcRange, message));
    }
    Ok(block)
}

/// A block that a new subnet may have in a VPC with the blocks `vpc`, beside the subnets `others`.
pub fn of_subnet(vpc: &[Ipv4Net], others: &[Ipv4Net], text: &str) -> Result<Ipv4Net, Fault> {
    let block = parse("cidrBlock", text)?;
    if !sized(block) || !vpc.iter().any(|whole| whole.contains(&block)) {
        let message = format!("The CIDR '{text}' is invalid. Use a block from /16 to /28 within one of the VPC's.");
        return Err(Fault::new(ErrorCode::InvalidSubnetRange, message));
    }
    if others.iter().any(|other| overlap(other, &block)) {
        return Err(Fault::new(ErrorCode::InvalidSubnetConflict, format!("The CIDR '{text}' conflicts with another subnet")));
    }
    Ok(block)
}

fn sized(block: Ipv4Net) -> bool {
    (LARGEST..=SMALLEST).contains(&block.prefix_len())
}

/// A block out of a row.
pub fn stored(text: &str) -> Result<Ipv4Net, Fault> {
    text.parse().map_err(|error| Fault::internal("a stored network is unreadable", error))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nets(texts: &[&str]) -> Vec<Ipv4Net> {
        texts.iter().map(|text| text.parse().expect("a net")).collect()
    }

    #[test]
    fn a_vpc_has_a_block_of_16_to_28() {
        assert_eq!(of_vpc("10.1.2.3/16").expect("a block").to_string(), "10.1.0.0/16");
        for text in ["10.0.0.0/15", "10.0.0.0/29", "127.0.0.0/16", "169.254.0.0/20", "224.0.0.0/16", "0.0.0.0/16"] {
            assert_eq!(of_vpc(text).unwrap_err().code, ErrorCode::InvalidVpcRange, "{text}");
        }
        for text in ["10.0.0.0", "10.0.0/16", "010.0.0.0/16", "::/16", "10.0.0.0/33", ""] {
            assert_eq!(of_vpc(text).unwrap_err().code, ErrorCode::InvalidParameterValue, "{text}");
        }
    }

    #[test]
    fn a_further_block_is_of_the_same_private_range_and_overlaps_nothing() {
        let ten = nets(&["10.0.0.0/16"]);
        for text in ["10.2.0.0/16", "100.64.0.0/16", "8.8.8.0/24"] {
            assert!(of_vpc_besides(&ten, text).is_ok(), "{text}");
        }
        for text in ["10.0.1.0/24", "172.16.0.0/16", "192.168.0.0/24", "198.19.1.0/24"] {
            assert_eq!(of_vpc_besides(&ten, text).unwrap_err().code, ErrorCode::InvalidVpcRange, "{text}");
        }
        assert!(of_vpc_besides(&nets(&["10.1.0.0/16"]), "10.0.0.0/16").is_err());
        assert!(of_vpc_besides(&nets(&["172.16.0.0/16"]), "172.31.0.0/20").is_err());
        assert!(of_vpc_besides(&nets(&["8.8.8.0/24"]), "10.5.0.0/16").is_err());
        assert!(of_vpc_besides(&nets(&["192.168.0.0/24"]), "192.168.1.0/24").is_ok());
    }

    proptest! {
        /// However subnets are asked for: those that were accepted are within the VPC and share no address.
        #[test]
        fn accepted_subnets_are_disjoint(asked in prop::collection::vec((any::<u16>(), 14_u8..31), 0..40)) {
            let vpc = nets(&["10.0.0.0/16"]);
            let mut accepted: Vec<Ipv4Net> = Vec::new();
            for (low, prefix) in asked {
                let [third, fourth] = low.to_be_bytes();
                if let Ok(block) = of_subnet(&vpc, &accepted, &format!("10.0.{third}.{fourth}/{prefix}")) {
                    accepted.push(block);
                }
            }
            for (at, block) in accepted.iter().enumerate() {
                prop_assert!(vpc[0].contains(block) && (16..=28).contains(&block.prefix_len()));
                prop_assert!(accepted[..at].iter().all(|other| u32::from(other.broadcast()) < u32::from(block.network())
                    || u32::from(block.broadcast()) < u32::from(other.network())), "{block}");
            }
        }
    }
}
