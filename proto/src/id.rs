//! Resource ids as EC2 writes them: a prefix, a dash and 17 hex digits (`i-0123456789abcdef0`).
//!
//! Ids are drawn through [`Entropy`], so that a test can replay them.

use std::fmt;

/// Where randomness comes from. Injected: production draws from the operating system, tests from a seed.
pub trait Entropy: Send + Sync {
    fn fill(&self, bytes: &mut [u8]);
}

/// The operating system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    #[expect(clippy::expect_used, reason = "a machine without getrandom(2) can not run Freehold; there is nothing to recover to")]
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("getrandom(2)");
    }
}

/// Why a text is not an id of the kind asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed id")]
pub struct Malformed;

fn draw(prefix: &str, entropy: &dyn Entropy) -> String {
    let mut bytes = [0_u8; 9];
    entropy.fill(&mut bytes);
    let mut id = String::with_capacity(prefix.len() + 18);
    id.push_str(prefix);
    id.push('-');
    for (at, byte) in bytes.iter().enumerate() {
        id.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
        if at < 8 {
            id.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
        }
    }
    id
}

/// 8 (EC2's old form) or 17 lower-case hex digits after the prefix.
fn well_formed(prefix: &str, text: &str) -> bool {
    text.strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('-'))
        .is_some_and(|hex| matches!(hex.len(), 8 | 17) && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            pub const PREFIX: &'static str = $prefix;

            pub fn draw(entropy: &dyn Entropy) -> Self {
                Self(draw($prefix, entropy))
            }

            pub fn parse(text: &str) -> Result<Self, Malformed> {
                if well_formed($prefix, text) { Ok(Self(text.to_owned())) } else { Err(Malformed) }
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    )*};
}

ids! {
    InstanceId = "i";
    ReservationId = "r";
    ImageId = "ami";
    SnapshotId = "snap";
    VolumeId = "vol";
    VpcId = "vpc";
    SubnetId = "subnet";
    SubnetCidrReservationId = "scr";
    SecurityGroupId = "sg";
    SecurityGroupRuleId = "sgr";
    NetworkInterfaceId = "eni";
    AttachmentId = "eni-attach";
    KeyPairId = "key";
    PlacementGroupId = "pg";
    InternetGatewayId = "igw";
    LaunchTemplateId = "lt";
    RouteTableId = "rtb";
    NetworkAclId = "acl";
    NatGatewayId = "nat";
    PrefixListId = "pl";
    VpcEndpointId = "vpce";
    DhcpOptionsId = "dopt";
    VpcCidrAssociationId = "vpc-cidr-assoc";
    VpcPeeringConnectionId = "pcx";
    RouteTableAssociationId = "rtbassoc";
    ElasticAddressId = "eipalloc";
    ElasticAddressAssociationId = "eipassoc";
    NetworkAclAssociationId = "aclassoc";
    /// Freehold's own: one hypervisor host.
    HostId = "host";
}

/// A request id: a random UUID, as AWS writes it.
pub fn request_id(entropy: &dyn Entropy) -> String {
    let mut b = [0_u8; 16];
    entropy.fill(&mut b);
    b[6] = (b[6] & 0x0f) | 0x40;
    b[8] = (b[8] & 0x3f) | 0x80;
    let n = u128::from_be_bytes(b);
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        n >> 96,
        (n >> 80) & 0xffff,
        (n >> 64) & 0xffff,
        (n >> 48) & 0xffff,
        n & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawn_ids_are_well_formed_and_17_digits() {
        let id = InstanceId::draw(&OsEntropy);
        assert_eq!(id.as_str().len(), 2 + 17);
        assert_eq!(InstanceId::parse(id.as_str()), Ok(id));
    }

    #[test]
    fn what_is_not_an_id_is_malformed() {
        for text in ["", "i", "i-", "i-xyz", "vol-0123456789abcdef0", "i-0123456789ABCDEF0", "i-0123456789abcdef", "i-0123456789abcdef01"] {
            assert_eq!(InstanceId::parse(text), Err(Malformed), "{text}");
        }
        assert!(InstanceId::parse("i-0123abcd").is_ok());
    }

    #[test]
    fn a_request_id_is_a_version_4_uuid() {
        let id = request_id(&OsEntropy);
        assert_eq!((id.len(), &id[14..15]), (36, "4"));
    }
}
