//! One rule, and how a request's permissions become rules.

use std::collections::HashSet;
use std::fmt;

use freehold_proto::id::SecurityGroupId;
use freehold_proto::{ErrorCode, Fault};
use ipnet::{Ipv4Net, Ipv6Net};

use super::protocol::{Ports, Protocol};
use super::words::check_description;

/// Which packets a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Ingress,
    Egress,
}

impl Direction {
    pub fn is_egress(self) -> bool {
        self == Self::Egress
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.is_egress() { "outbound" } else { "inbound" })
    }
}

/// Who a rule lets in (or out to).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Peer {
    /// The network's own address: host bits are cleared, as EC2 does.
    Ipv4(Ipv4Net),
    /// No packet meets it: a VPC has no IPv6 block so far, and EC2 takes rules with one into VPCs without, too.
    Ipv6(Ipv6Net),
    /// A group, by id: of the same VPC, or of one that is peered with it.
    Group(String),
    /// What a prefix list has, by the list's id.
    PrefixList(String),
}

impl fmt::Display for Peer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ipv4(net) => write!(formatter, "{net}"),
            Self::Ipv6(net) => write!(formatter, "{net}"),
            Self::Group(id) | Self::PrefixList(id) => formatter.write_str(id),
        }
    }
}

/// What makes two rules of one direction the same rule.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RuleSpec {
    pub protocol: Protocol,
    pub ports: Ports,
    pub peer: Peer,
}

impl fmt::Display for RuleSpec {
    /// As EC2 writes a rule in its messages.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "peer: {}, ", self.peer)?;
        match self.protocol {
            Protocol::All => write!(formatter, "ALL, ALLOW"),
            protocol => {
                let name = protocol.to_string().to_ascii_uppercase();
                write!(formatter, "{name}, from port: {}, to port: {}, ALLOW", self.ports.from, self.ports.to)
            }
        }
    }
}

/// A rule as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub spec: RuleSpec,
    pub description: Option<String>,
}

/// How a request names another group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupReference<'a> {
    pub group_id: Option<&'a str>,
    pub group_name: Option<&'a str>,
    pub user_id: Option<&'a str>,
    /// Of a group in another VPC.
    pub vpc_id: Option<&'a str>,
    /// The peering connection that leads there.
    pub peering_id: Option<&'a str>,
}

/// One peer of a request's permission, not yet checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PermissionPeer<'a> {
    Cidr(Option<&'a str>),
    Cidr6(Option<&'a str>),
    Group(GroupReference<'a>),
    PrefixList(Option<&'a str>),
}

/// One `IpPermission` of a request, free of the message's form.
#[derive(Clone, Debug)]
pub struct Permission<'a> {
    pub ip_protocol: Option<&'a str>,
    pub from_port: Option<i32>,
    pub to_port: Option<i32>,
    pub peers: Vec<(PermissionPeer<'a>, Option<&'a str>)>,
}

/// Takes permissions apart into rules. `resolve` turns a group reference into the id of a group that the caller may name, `list` says of a
/// prefix list's id whether the caller may name that.
pub fn read<'a>(
    permissions: impl IntoIterator<Item = Permission<'a>>,
    mut resolve: impl FnMut(&GroupReference<'a>) -> Result<SecurityGroupId, Fault>,
    mut list: impl FnMut(&str) -> Result<(), Fault>,
) -> Result<Vec<Rule>, Fault> {
    let mut rules = Vec::new();
    let mut seen = HashSet::new();
    for permission in permissions {
        let word = permission.ip_protocol.ok_or_else(|| missing("Each permission must have an IpProtocol."))?;
        let protocol = Protocol::parse(word)?;
        let ports = Ports::read(protocol, permission.from_port, permission.to_port)?;
        if permission.peers.is_empty() {
            return Err(missing("Each permission must name a source: IpRanges, Ipv6Ranges, UserIdGroupPairs or PrefixListIds."));
        }
        for (peer, description) in permission.peers {
            let peer = match peer {
                PermissionPeer::Cidr(cidr) => Peer::Ipv4(parse_cidr(cidr)?),
                PermissionPeer::Cidr6(cidr) => Peer::Ipv6(parse_cidr6(cidr)?),
                PermissionPeer::Group(reference) => Peer::Group(resolve(&reference)?.into()),
                PermissionPeer::PrefixList(id) => {
                    let id = id.ok_or_else(|| missing("Each of PrefixListIds must have a PrefixListId."))?;
                    list(id)?;
                    Peer::PrefixList(id.to_owned())
                }
            };
            let spec = RuleSpec { protocol, ports, peer };
            if !seen.insert(spec.clone()) {
                let message = format!("The same permission must not appear multiple times: {spec}");
                return Err(Fault::new(ErrorCode::InvalidParameterValue, message));
            }
            rules.push(Rule { spec, description: description.map(|text| check_description("rule", text)).transpose()? });
        }
    }
    Ok(rules)
}

fn parse_cidr(cidr: Option<&str>) -> Result<Ipv4Net, Fault> {
    let cidr = cidr.ok_or_else(|| missing("Each of IpRanges must have a CidrIp."))?;
    // Only the one way to write it: leading zeros mean octal to some readers.
    let net = cidr.parse::<Ipv4Net>().ok().filter(|net| net.to_string() == cidr);
    let net = net.ok_or_else(|| Fault::new(ErrorCode::InvalidParameterValue, format!("CIDR block {cidr} is malformed")))?;
    Ok(net.trunc())
}

fn parse_cidr6(cidr: Option<&str>) -> Result<Ipv6Net, Fault> {
    let cidr = cidr.ok_or_else(|| missing("Each of Ipv6Ranges must have a CidrIpv6."))?;
    let malformed = || Fault::new(ErrorCode::InvalidParameterValue, format!("CIDR block {cidr} is malformed"));
    Ok(cidr.parse::<Ipv6Net>().map_err(|_| malformed())?.trunc())
}

fn missing(message: &str) -> Fault {
    Fault::new(ErrorCode::MissingParameter, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permission<'a>(protocol: &'a str, ports: (i32, i32), peers: Vec<(PermissionPeer<'a>, Option<&'a str>)>) -> Permission<'a> {
        Permission { ip_protocol: Some(protocol), from_port: Some(ports.0), to_port: Some(ports.1), peers }
    }

    fn from(cidr: &str) -> (PermissionPeer<'_>, Option<&str>) {
        (PermissionPeer::Cidr(Some(cidr)), None)
    }

    fn read_all<'a>(permissions: impl IntoIterator<Item = Permission<'a>>) -> Result<Vec<Rule>, Fault> {
        let group = |reference: &GroupReference<'_>| {
            SecurityGroupId::parse(reference.group_id.unwrap_or("")).map_err(|_| Fault::new(ErrorCode::InvalidGroupNotFound, "no"))
        };
        read(permissions, group, |_| Ok(()))
    }

    #[test]
    fn a_permission_becomes_one_rule_for_each_peer() {
        let group = GroupReference { group_id: Some("sg-0123abcd"), ..Default::default() };
        let peers = vec![(PermissionPeer::Cidr(Some("10.1.2.3/8")), Some("office")), (PermissionPeer::Group(group), None)];
        let rules = read_all([permission("6", (22, 22), peers)]).unwrap();
        let words: Vec<String> = rules.iter().map(|rule| rule.spec.to_string()).collect();
        assert_eq!(
            words,
            ["peer: 10.0.0.0/8, TCP, from port: 22, to port: 22, ALLOW", "peer: sg-0123abcd, TCP, from port: 22, to port: 22, ALLOW"]
        );
        assert_eq!(rules[0].description.as_deref(), Some("office"));
    }

    #[test]
    fn malformed_cidrs_are_refused() {
        for cidr in ["10.0.0.0", "10.0.0.0/33", "10.0.0/8", "300.0.0.0/8", "::/0", "", "10.0.0.0/8 ", "010.0.0.0/8"] {
            let fault = read_all([permission("tcp", (1, 1), vec![from(cidr)])]).unwrap_err();
            assert_eq!((fault.code, fault.message), (ErrorCode::InvalidParameterValue, format!("CIDR block {cidr} is malformed")));
        }
    }

    #[test]
    fn a_permission_without_protocol_or_peer_is_incomplete() {
        assert_eq!(read_all([permission("tcp", (1, 1), vec![])]).unwrap_err().code, ErrorCode::MissingParameter);
        let nameless = Permission { ip_protocol: None, from_port: None, to_port: None, peers: vec![from("0.0.0.0/0")] };
        assert_eq!(read_all([nameless]).unwrap_err().code, ErrorCode::MissingParameter);
        let cidrless = permission("tcp", (1, 1), vec![(PermissionPeer::Cidr(None), None)]);
        assert_eq!(read_all([cidrless]).unwrap_err().code, ErrorCode::MissingParameter);
    }

    #[test]
    fn the_same_rule_twice_in_one_request_is_refused_however_it_is_spelled() {
        let twice = [permission("tcp", (1, 1), vec![from("10.0.0.0/8")]), permission("6", (1, 1), vec![from("10.9.9.9/8")])];
        assert_eq!(read_all(twice).unwrap_err().code, ErrorCode::InvalidParameterValue);
    }

    #[test]
    fn an_ipv6_range_is_understood() {
        let rules = read_all([permission("-1", (0, 0), vec![(PermissionPeer::Cidr6(Some("2001:db8::1/32")), None)])]).unwrap();
        assert_eq!(rules[0].spec.to_string(), "peer: 2001:db8::/32, ALL, ALLOW");
        for cidr in [Some("::"), Some("10.0.0.0/8"), Some("::/129"), None] {
            assert!(read_all([permission("-1", (0, 0), vec![(PermissionPeer::Cidr6(cidr), None)])]).is_err(), "{cidr:?}");
        }
    }
}
