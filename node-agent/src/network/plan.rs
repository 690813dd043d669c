//! What the network of this host should be: a pure function of [`Desired`].
//!
//! Owns: the translation of the scheduler's words into addresses, names and nftables text. Does no I/O and knows no clock, so the
//! same `Desired` gives the same plan, byte for byte.
//!
//! Invariants:
//! - What can not be understood is left out, never guessed at, and named in `faults`. A rule left out lets less through, never more.
//! - Whatever `Desired` mentions is in `mentioned`, understood or not: only what is not mentioned may be removed.
//! - Text reaches nftables from parsed values and checked ids only.

mod acl;
mod dhcp;
pub mod elsewhere;
mod filter;
mod host;
mod interface;
pub mod peering;
mod public;
mod routes;
mod rules;
pub mod ruleset;
pub mod shown;
pub mod trace;
mod untracked;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

pub use acl::Acl;
pub use dhcp::DhcpOptions;
pub use elsewhere::Remote;
use freehold_proto::internal::host::{InstanceDesired, InterfaceAttachment, InterfaceElsewhere, VpcDesired};
use interface::Owner;
pub use interface::{Interface, Mac};
use ipnet::Ipv4Net;
pub use peering::Peering;
pub use public::PublicElsewhere;
pub use routes::{RouteTable, Target};
pub use rules::Group;
use ruleset::Ruleset;

use super::names;
use crate::desired::Desired;

/// Instance metadata.
pub const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
/// The resolver's link-local address; it also answers at the VPC's base address plus two.
pub const RESOLVER: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 253);

const SIMULATED: &str = "simulated";

#[derive(Clone, Debug, Default, PartialEq)]
pub struct HostPlan {
    pub vpcs: BTreeMap<String, Arc<VpcPlan>>,
    pub mentioned: Mentioned,
    pub faults: Vec<Fault>,
    /// Public addresses on other hosts.
    pub elsewhere: PublicElsewhere,
    /// Public addresses in these blocks mean nothing beyond the hosts, says the scheduler.
    pub translated: BTreeSet<Ipv4Net>,
}

/// One VPC's share of this host: a namespace and what is in it.
#[derive(Clone, Debug, PartialEq)]
pub struct VpcPlan {
    pub vpc_id: String,
    pub host_id: String,
    pub namespace: String,
    /// The host's end of the pair to the namespace.
    pub uplink: String,
    /// The VPC's blocks, its first one first.
    pub blocks: Vec<Ipv4Net>,
    pub domain: String,
    /// What public names end in; empty where the VPC gives none.
    pub public_domain: String,
    pub resolver: Ipv4Addr,
    pub dhcp: DhcpOptions,
    /// Whether the resolver answers.
    pub resolves: bool,
    /// By id: those of the subnets of `interfaces`.
    pub route_tables: BTreeMap<String, RouteTable>,
    /// By id: those of the subnets of `interfaces`.
    pub acls: BTreeMap<String, Acl>,
    /// Instances on any host that are called by their ids, too.
    pub resource_names: ResourceNames,
    /// What public addresses of the account are called.
    pub reverse_names: BTreeMap<Ipv4Addr, String>,
    /// The first address of each subnet.
    pub gateways: BTreeSet<Ipv4Addr>,
    pub interfaces: BTreeMap<String, Interface>,
    /// By id: those that an interface carries, and those that their rules name.
    pub groups: BTreeMap<String, Group>,
    /// By id: those on other hosts.
    pub elsewhere: BTreeMap<String, Remote>,
    /// Of the VXLAN between hosts.
    pub vni: u32,
    /// By id: the interfaces on any host that a route leads to, each with its number between hosts.
    pub routers: BTreeMap<String, u16>,
    /// By id: the VPCs beside this one.
    pub peerings: BTreeMap<String, Peering>,
    pub instances: BTreeMap<String, Arc<InstanceDesired>>,
    /// The nftables rules of the namespace.
    pub ruleset: Arc<Ruleset>,
}

/// Names that are made of instances' ids, as the VPC's statement has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceNames {
    addresses: BTreeMap<String, Ipv4Addr>,
    hostnames: BTreeMap<Ipv4Addr, String>,
}

impl ResourceNames {
    /// What is no id or no address is left out: that name does not exist.
    pub fn new(stated: &VpcDesired) -> Self {
        let mut names = Self::default();
        for name in &stated.resource_names {
            let (Ok(id), Ok(address)) = (checked_id(&name.instance_id), address(&name.private_ip_address)) else { continue };
            names.addresses.insert(id.to_owned(), address);
            if name.is_hostname {
                names.hostnames.insert(address, id.to_owned());
            }
        }
        names
    }

    /// What the id means.
    pub fn address_of(&self, id: &str) -> Option<Ipv4Addr> {
        self.addresses.get(id).copied()
    }

    /// The id by which the instance at an address calls itself.
    pub fn hostname_of(&self, address: Ipv4Addr) -> Option<&str> {
        self.hostnames.get(&address).map(String::as_str)
    }
}

/// Everything of the kind that `Desired` speaks of, whether it could be planned or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mentioned {
    pub namespaces: BTreeSet<String>,
    pub taps: BTreeSet<String>,
}

/// What was left out of the plan, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// An interface, a VPC or a security group.
    pub subject: String,
    pub reason: String,
}

impl VpcPlan {
    /// Who has this private address, for those who know a caller by it.
    pub fn interface_of(&self, address: Ipv4Addr) -> Option<&Interface> {
        self.interfaces.values().find(|interface| interface.has(address))
    }

    /// Whether an address is of one of the VPC's blocks.
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        self.blocks.iter().any(|block| block.contains(&address))
    }

    /// Every public address, with the private one that it means.
    pub fn public(&self) -> impl Iterator<Item = (Ipv4Addr, Ipv4Addr)> + '_ {
        self.interfaces.values().flat_map(Interface::public)
    }
}

impl HostPlan {
    pub fn new(host_id: &str, desired: &Desired) -> Self {
        let mut plan = Self::default();
        let mut vpcs: BTreeMap<&str, VpcPlan> = BTreeMap::new();
        // A simulated guest sends no packets, so nothing is made for it.
        for instance in desired.instances.values().filter(|instance| instance.driver != SIMULATED) {
            for attachment in &instance.interfaces {
                plan.mention(host_id, attachment);
                if let Err(reason) = add(&mut vpcs, &mut plan.faults, (host_id, desired), Owner::Instance(instance), attachment) {
                    plan.fault(&attachment.network_interface_id, reason);
                }
            }
        }
        for gateway in desired.nat_gateways.values() {
            let Some(attachment) = &gateway.interface else { continue };
            plan.mention(host_id, attachment);
            plan.mentioned.namespaces.insert(names::namespace(host_id, &gateway.nat_gateway_id));
            if let Err(reason) = add(&mut vpcs, &mut plan.faults, (host_id, desired), Owner::NatGateway(gateway), attachment) {
                plan.fault(&attachment.network_interface_id, reason);
            }
        }
        peering::join(host_id, desired, &mut vpcs, &mut plan);
        let elsewhere = by_vpc(desired);
        for (vpc_id, vpc) in &mut vpcs {
            if let (Some(stated), Some(interfaces)) = (desired.vpcs.get(*vpc_id), elsewhere.get(vpc_id)) {
                vpc.elsewhere = elsewhere::remotes(vpc, stated, interfaces, &mut plan.faults);
                vpc.routers = elsewhere::routers(stated, &mut plan.faults);
            }
        }
        peering::introduce(desired, &mut vpcs);
        for (vpc_id, mut vpc) in vpcs {
            vpc.groups = rules::groups(&vpc, desired, &mut plan.faults);
            vpc.ruleset = Arc::new(filter::ruleset(&vpc));
            plan.vpcs.insert(vpc_id.to_owned(), Arc::new(vpc));
        }
        for id in desired.translated.keys() {
            match id.parse::<Ipv4Net>() {
                Ok(block) => drop(plan.translated.insert(block.trunc())),
                Err(_) => plan.fault(id, "it is not a CIDR block, so what bears its addresses leaves as it is"),
            }
        }
        plan.elsewhere = PublicElsewhere::new(desired, &plan.public(), &mut plan.faults);
        plan
    }

    /// The nftables rules of the host's own namespace; `uplink_prefix` and `table` carry the host id.
    pub fn host_ruleset(&self, host_id: &str, outside: &Outside) -> Ruleset {
        host::ruleset(self, host_id, outside)
    }

    fn mention(&mut self, host_id: &str, attachment: &InterfaceAttachment) {
        self.mentioned.namespaces.insert(names::namespace(host_id, &attachment.vpc_id));
        self.mentioned.taps.insert(names::tap(&attachment.network_interface_id));
    }

    fn fault(&mut self, subject: &str, reason: impl Into<String>) {
        self.faults.push(Fault { subject: subject.to_owned(), reason: reason.into() });
    }
}

/// What the host's rules must know beyond `Desired`.
#[derive(Clone, Debug, PartialEq)]
pub struct Outside {
    /// By the host's own configuration: public addresses in these ranges mean nothing beyond this host, so they leave it under the host's own address.
    pub masquerade: Vec<Ipv4Net>,
    /// Interfaces on which the data plane itself switched forwarding on: only guests may profit from it.
    pub opened: BTreeSet<String>,
    /// Ports of TCP at which guests reach the host itself.
    pub host_ports: Vec<u16>,
    /// Where other hosts' packets for guests come in.
    pub tunnel_address: Option<Ipv4Addr>,
    /// The host as guests see it.
    pub host_address: Ipv4Addr,
}

impl Default for Outside {
    fn default() -> Self {
        let host_address = Ipv4Addr::UNSPECIFIED;
        Self { masquerade: Vec::new(), opened: BTreeSet::new(), host_ports: Vec::new(), tunnel_address: None, host_address }
    }
}

fn by_vpc(desired: &Desired) -> BTreeMap<&str, Vec<&InterfaceElsewhere>> {
    let mut by_vpc: BTreeMap<&str, Vec<&InterfaceElsewhere>> = BTreeMap::new();
    for interface in desired.interfaces_elsewhere.values() {
        by_vpc.entry(&interface.vpc_id).or_default().push(interface);
    }
    by_vpc
}

fn add<'a>(
    vpcs: &mut BTreeMap<&'a str, VpcPlan>,
    faults: &mut Vec<Fault>,
    (host_id, desired): (&str, &'a Desired),
    owner: Owner<'_>,
    attachment: &'a InterfaceAttachment,
) -> Result<(), String> {
    let vpc_id = attachment.vpc_id.as_str();
    let stated = desired.vpcs.get(vpc_id).ok_or_else(|| format!("its VPC {vpc_id} is not known yet"))?;
    let vpc = match vpcs.entry(vpc_id) {
        std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
        std::collections::btree_map::Entry::Vacant(entry) => entry.insert(empty(host_id, stated, faults)?),
    };
    let interface = interface::planned(vpc, stated, owner, attachment)?;
    if !vpc.route_tables.contains_key(&interface.route_table) {
        let table = RouteTable::new(stated, &interface.route_table)?;
        if vpc.route_tables.values().any(|other| other.number == table.number) {
            return Err(format!("{} has the number of another route table", interface.route_table));
        }
        vpc.route_tables.insert(interface.route_table.clone(), table);
    }
    if !interface.acl.is_empty() && !vpc.acls.contains_key(&interface.acl) {
        let acl = Acl::new(stated, checked_id(&interface.acl)?, faults)?;
        vpc.acls.insert(interface.acl.clone(), acl);
    }
    vpc.gateways.insert(interface.gateway);
    if let Owner::Instance(instance) = owner {
        vpc.instances.insert(instance.instance_id.clone(), Arc::clone(instance));
    }
    vpc.interfaces.insert(interface.network_interface_id.clone(), interface);
    Ok(())
}

fn empty(host_id: &str, stated: &VpcDesired, faults: &mut Vec<Fault>) -> Result<VpcPlan, String> {
    let block = |text: &String| text.parse::<Ipv4Net>().map_err(|_| format!("the VPC's block {text:?} is not a CIDR block"));
    let first = block(&stated.cidr_block)?;
    let others = stated.other_cidr_blocks.iter().map(block);
    let resolver = nth(first, 2).ok_or("the VPC's block is too small for its resolver")?;
    Ok(VpcPlan {
        vpc_id: checked_id(&stated.vpc_id)?.to_owned(),
        host_id: host_id.to_owned(),
        namespace: names::namespace(host_id, &stated.vpc_id),
        uplink: names::uplink(host_id, &stated.vpc_id),
        blocks: [Ok(first)].into_iter().chain(others).map(|block| block.map(|block| block.trunc())).collect::<Result<_, _>>()?,
        domain: stated.domain_name.clone(),
        public_domain: stated.public_name_domain.clone(),
        dhcp: DhcpOptions::new(stated, resolver, faults),
        resolver,
        resolves: !stated.without_resolver,
        route_tables: BTreeMap::new(),
        acls: BTreeMap::new(),
        resource_names: ResourceNames::new(stated),
        // What is no address is left out: nobody asks for it.
        reverse_names: stated
            .reverse_names
            .iter()
            .filter_map(|one| Some((address(&one.public_ip_address).ok()?, one.name.clone())))
            .collect(),
        gateways: BTreeSet::new(),
        interfaces: BTreeMap::new(),
        groups: BTreeMap::new(),
        elsewhere: BTreeMap::new(),
        vni: stated.vni,
        routers: BTreeMap::new(),
        peerings: BTreeMap::new(),
        instances: BTreeMap::new(),
        ruleset: Arc::default(),
    })
}

fn address(text: &str) -> Result<Ipv4Addr, String> {
    text.parse().map_err(|_| format!("{text:?} is not an IPv4 address"))
}

/// The `n`th address of a block, counted from its base.
fn nth(block: Ipv4Net, n: u32) -> Option<Ipv4Addr> {
    let address = Ipv4Addr::from(u32::from(block.network()).checked_add(n)?);
    block.contains(&address).then_some(address)
}

/// An id that may stand in nftables text and in names.
fn checked_id(id: &str) -> Result<&str, String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if (1..=40).contains(&id.len()) && id.bytes().all(plain) { Ok(id) } else { Err(format!("{id:?} is not an id")) }
}

#[cfg(test)]
mod tests;
