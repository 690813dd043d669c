//! One interface on this host, of a guest or of a NAT gateway.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::Ipv4Addr;
use std::sync::Arc;

use freehold_proto::internal::host::{InstanceDesired, InterfaceAttachment, NatGatewayDesired, VpcDesired};
use ipnet::Ipv4Net;

use super::{VpcPlan, address as parsed, checked_id, nth};
use crate::network::names;

#[derive(Clone, Debug, PartialEq)]
pub struct Interface {
    pub network_interface_id: String,
    pub instance_id: String,
    pub tap: String,
    pub mac: Mac,
    pub address: Ipv4Addr,
    /// Others that it has beside its primary one.
    pub secondary: BTreeSet<Ipv4Addr>,
    /// Those of these that a NAT gateway gives no new connection, since they are to go.
    pub draining: BTreeSet<Ipv4Addr>,
    pub public: Option<Ipv4Addr>,
    /// Those of its secondary addresses, by these.
    pub other_public: BTreeMap<Ipv4Addr, Ipv4Addr>,
    pub subnet: Ipv4Net,
    pub gateway: Ipv4Addr,
    /// The id of the route table of its subnet.
    pub route_table: String,
    /// The id of the network ACL of its subnet, "" for none.
    pub acl: String,
    pub groups: Vec<String>,
    pub source_dest_check: bool,
    /// A NAT gateway's own: behind it is a namespace instead of a guest.
    pub translates: bool,
    /// The first label of the instance's private DNS name.
    pub hostname: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 6];
        let mut parts = text.split(':');
        for byte in &mut bytes {
            *byte = parts.next().filter(|part| part.len() == 2).and_then(|part| u8::from_str_radix(part, 16).ok())?;
        }
        // A group address never is a source.
        (parts.next().is_none() && bytes[0] & 1 == 0).then_some(Self(bytes))
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            write!(formatter, "{}{byte:02x}", if at == 0 { "" } else { ":" })?;
        }
        Ok(())
    }
}

impl Interface {
    /// Its private addresses, the primary one first.
    pub fn addresses(&self) -> impl Iterator<Item = Ipv4Addr> + '_ {
        [self.address].into_iter().chain(self.secondary.iter().copied())
    }

    /// Those that a NAT gateway gives new connections: its primary one always.
    pub fn given(&self) -> impl Iterator<Item = Ipv4Addr> + '_ {
        self.addresses().filter(|address| !self.draining.contains(address))
    }

    pub fn has(&self, address: Ipv4Addr) -> bool {
        self.address == address || self.secondary.contains(&address)
    }

    /// Its public addresses, each with the private one that it means.
    pub fn public(&self) -> impl Iterator<Item = (Ipv4Addr, Ipv4Addr)> + '_ {
        let primary = self.public.map(|public| (public, self.address));
        primary.into_iter().chain(self.other_public.iter().map(|(private, public)| (*public, *private)))
    }

    /// The private address that a public one means, if that is one of its own.
    pub fn meant_by(&self, public: Ipv4Addr) -> Option<Ipv4Addr> {
        self.public().find(|(own, _)| *own == public).map(|(_, private)| private)
    }
}

/// Whose an interface is.
#[derive(Clone, Copy)]
pub(super) enum Owner<'a> {
    Instance(&'a Arc<InstanceDesired>),
    NatGateway(&'a NatGatewayDesired),
}

impl Owner<'_> {
    pub(super) fn id(&self) -> &str {
        match self {
            Self::Instance(instance) => &instance.instance_id,
            Self::NatGateway(gateway) => &gateway.nat_gateway_id,
        }
    }

    fn private_dns_name(&self) -> &str {
        match self {
            Self::Instance(instance) => instance.metadata.as_ref().map(|metadata| metadata.private_dns_name.as_str()).unwrap_or_default(),
            Self::NatGateway(_) => "",
        }
    }

    /// Those of its addresses that are to go. What is none of them, or no address at all, is nothing to it.
    fn draining(&self, secondary: &BTreeSet<Ipv4Addr>) -> BTreeSet<Ipv4Addr> {
        let Self::NatGateway(gateway) = self else { return BTreeSet::new() };
        let stated = gateway.draining_private_ip_addresses.iter().filter_map(|text| text.parse().ok());
        stated.filter(|address| secondary.contains(address)).collect()
    }
}

pub(super) fn planned(vpc: &VpcPlan, stated: &VpcDesired, owner: Owner<'_>, attachment: &InterfaceAttachment) -> Result<Interface, String> {
    let stated = stated
        .subnets
        .iter()
        .find(|subnet| subnet.subnet_id == attachment.subnet_id)
        .ok_or_else(|| format!("its subnet {} is not known yet", attachment.subnet_id))?;
    let subnet: Ipv4Net =
        stated.cidr_block.parse().map_err(|_| format!("the subnet's block {:?} is not a CIDR block", stated.cidr_block))?;
    let address = parsed(&attachment.private_ip_address)?;
    let secondary = attachment.secondary_private_ip_addresses.iter().map(|text| parsed(text)).collect::<Result<BTreeSet<_>, _>>()?;
    let all = || [address].into_iter().chain(secondary.iter().copied());
    if let Some(stray) = all().find(|address| !subnet.contains(address) || !vpc.blocks.iter().any(|block| block.contains(&subnet))) {
        return Err(format!("{stray} is not within its subnet {subnet} of {}", vpc.vpc_id));
    }
    let tap = names::tap(checked_id(&attachment.network_interface_id)?);
    if vpc.interfaces.values().any(|other| other.tap == tap || all().any(|address| other.has(address))) {
        return Err(format!("{address} or {tap} is another interface's already"));
    }
    Ok(Interface {
        network_interface_id: attachment.network_interface_id.clone(),
        instance_id: checked_id(owner.id())?.to_owned(),
        tap,
        mac: Mac::parse(&attachment.mac_address).ok_or_else(|| format!("{:?} is not a MAC address", attachment.mac_address))?,
        address,
        public: if attachment.public_ip_address.is_empty() { None } else { Some(parsed(&attachment.public_ip_address)?) },
        other_public: other_public(attachment, &secondary)?,
        draining: owner.draining(&secondary),
        secondary,
        subnet: subnet.trunc(),
        gateway: nth(subnet, 1).ok_or("its subnet is too small for a gateway")?,
        route_table: stated.route_table_id.clone(),
        acl: stated.network_acl_id.clone(),
        groups: attachment.security_group_ids.iter().map(|id| checked_id(id).map(str::to_owned)).collect::<Result<_, _>>()?,
        source_dest_check: attachment.source_dest_check,
        translates: matches!(owner, Owner::NatGateway(_)),
        hostname: owner.private_dns_name().split('.').next().unwrap_or_default().to_owned(),
    })
}

/// By the secondary addresses that they mean.
fn other_public(attachment: &InterfaceAttachment, secondary: &BTreeSet<Ipv4Addr>) -> Result<BTreeMap<Ipv4Addr, Ipv4Addr>, String> {
    let each = attachment.other_public_ip_addresses.iter().map(|stated| {
        let (public, private) = (parsed(&stated.public_ip_address)?, parsed(&stated.private_ip_address)?);
        if secondary.contains(&private) {
            Ok((private, public))
        } else {
            Err(format!("{public} means {private}, which is no secondary address of it"))
        }
    });
    each.collect()
}
