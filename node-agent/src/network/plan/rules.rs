//! Security groups as the data plane understands them: typed rules and members.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::Ipv4Addr;

use freehold_proto::internal::host::RuleDesired;
use freehold_proto::internal::host::rule_desired::Peer as StatedPeer;
use ipnet::Ipv4Net;

use super::{Fault, VpcPlan, checked_id, peering};
use crate::desired::Desired;

/// A group that an interface carries or that a rule of such a group names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Group {
    pub ingress: Vec<Rule>,
    pub egress: Vec<Rule>,
    /// Private addresses of all interfaces that carry it, on this host and on others.
    pub members: BTreeSet<Ipv4Addr>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub traffic: Traffic,
    pub peer: Peer,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Traffic {
    Any,
    Ports {
        protocol: &'static str,
        from: u16,
        to: u16,
    },
    /// Type and code, `None` for any.
    Icmp(Option<(u8, Option<u8>)>),
    Protocol(u8),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    Anyone,
    Block(Ipv4Net),
    Group(String),
}

/// The groups that matter on this host for `vpc`. A group that `Desired` does not state has members but no rules: it is closed.
pub fn groups(vpc: &VpcPlan, desired: &Desired, faults: &mut Vec<Fault>) -> BTreeMap<String, Group> {
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    for id in vpc.interfaces.values().flat_map(|interface| &interface.groups) {
        groups.entry(id.clone()).or_insert_with(|| stated(id, desired, faults));
    }
    let referenced: Vec<String> = groups.values().flat_map(Group::references).collect();
    for id in referenced {
        groups.entry(id).or_default();
    }
    let here = vpc.interfaces.values().map(|interface| (&interface.groups, interface.addresses().collect::<Vec<_>>()));
    let elsewhere = vpc.elsewhere.values().map(|remote| (&remote.groups, remote.addresses.clone()));
    for (carried, addresses) in here.chain(elsewhere) {
        for id in carried {
            if let Some(group) = groups.get_mut(id) {
                group.members.extend(&addresses);
            }
        }
    }
    peering::members(vpc, &mut groups, faults);
    groups
}

impl Group {
    fn references(&self) -> Vec<String> {
        let peers = self.ingress.iter().chain(&self.egress).map(|rule| &rule.peer);
        peers.filter_map(|peer| if let Peer::Group(id) = peer { Some(id.clone()) } else { None }).collect()
    }
}

fn stated(id: &str, desired: &Desired, faults: &mut Vec<Fault>) -> Group {
    let mut group = Group::default();
    let Some(stated) = desired.security_groups.get(id) else {
        faults.push(Fault { subject: id.to_owned(), reason: "the group is not known yet, so it lets nothing through".into() });
        return group;
    };
    for rule in &stated.rules {
        match Rule::parse(rule) {
            Ok(Some(parsed)) if rule.egress => group.egress.push(parsed),
            Ok(Some(parsed)) => group.ingress.push(parsed),
            Ok(None) => {}
            Err(reason) => faults.push(Fault { subject: id.to_owned(), reason }),
        }
    }
    group
}

impl Rule {
    /// `None`: a rule that no IPv4 packet ever matches.
    fn parse(stated: &RuleDesired) -> Result<Option<Self>, String> {
        let Some(traffic) = Traffic::parse(stated)? else { return Ok(None) };
        let peer = match &stated.peer {
            Some(StatedPeer::CidrIpv4(block)) => {
                let block: Ipv4Net = block.parse().map_err(|_| format!("{block:?} is not a CIDR block"))?;
                if block.prefix_len() == 0 { Peer::Anyone } else { Peer::Block(block.trunc()) }
            }
            Some(StatedPeer::ReferencedGroupId(id)) => Peer::Group(checked_id(id)?.to_owned()),
            None => return Err("a rule names no peer".into()),
        };
        Ok(Some(Self { traffic, peer }))
    }
}

impl Traffic {
    pub fn parse(stated: &RuleDesired) -> Result<Option<Self>, String> {
        Ok(Some(match stated.ip_protocol.as_str() {
            "-1" => Self::Any,
            "tcp" | "6" => Self::ports("tcp", stated)?,
            "udp" | "17" => Self::ports("udp", stated)?,
            "icmp" | "1" => Self::icmp(stated)?,
            "icmpv6" | "58" => return Ok(None),
            other => Self::Protocol(other.parse().map_err(|_| format!("{other:?} is not a protocol"))?),
        }))
    }

    fn ports(protocol: &'static str, stated: &RuleDesired) -> Result<Self, String> {
        let bad = || format!("{} to {} is not a range of ports", stated.from_port, stated.to_port);
        if stated.from_port == -1 {
            return Ok(Self::Ports { protocol, from: 0, to: u16::MAX });
        }
        let from = u16::try_from(stated.from_port).map_err(|_| bad())?;
        let to = u16::try_from(stated.to_port).map_err(|_| bad())?;
        if from <= to { Ok(Self::Ports { protocol, from, to }) } else { Err(bad()) }
    }

    fn icmp(stated: &RuleDesired) -> Result<Self, String> {
        let bad = || format!("{}/{} is not an ICMP type and code", stated.from_port, stated.to_port);
        let byte = |value| if value == -1 { Ok(None) } else { u8::try_from(value).map(Some).map_err(|_| bad()) };
        Ok(Self::Icmp(match (byte(stated.from_port)?, byte(stated.to_port)?) {
            (None, _) => None,
            (Some(kind), code) => Some((kind, code)),
        }))
    }
}

impl fmt::Display for Traffic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => Ok(()),
            Self::Ports { protocol, from: 0, to: u16::MAX } => write!(formatter, "meta l4proto {protocol} "),
            Self::Ports { protocol, from, to } => write!(formatter, "{protocol} dport {from}-{to} "),
            Self::Icmp(None) => write!(formatter, "meta l4proto icmp "),
            Self::Icmp(Some((kind, None))) => write!(formatter, "icmp type {kind} "),
            Self::Icmp(Some((kind, Some(code)))) => write!(formatter, "icmp type {kind} icmp code {code} "),
            Self::Protocol(number) => write!(formatter, "meta l4proto {number} "),
        }
    }
}
