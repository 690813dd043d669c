//! Putting rules together for an answer.

use super::protocol::{Ports, Protocol};
use super::rule::{Peer, Rule};

/// The rules that share protocol and ports: one `IpPermission` of an answer.
#[derive(Debug, PartialEq, Eq)]
pub struct GroupedRules<'a> {
    pub protocol: Protocol,
    /// Absent where the protocol has no ports.
    pub ports: Option<Ports>,
    pub ipv4: Vec<(String, Option<&'a str>)>,
    pub ipv6: Vec<(String, Option<&'a str>)>,
    pub groups: Vec<(&'a str, Option<&'a str>)>,
    pub lists: Vec<(&'a str, Option<&'a str>)>,
}

/// Groups rules by protocol and ports, in the order in which each combination first appears. Clients (Terraform) rely on ONE permission
/// per combination.
pub fn grouped<'a>(rules: impl IntoIterator<Item = &'a Rule>) -> Vec<GroupedRules<'a>> {
    let mut groups: Vec<(Ports, GroupedRules<'a>)> = Vec::new();
    for rule in rules {
        let (protocol, ports) = (rule.spec.protocol, rule.spec.ports);
        let at = groups.iter().position(|(known, group)| group.protocol == protocol && *known == ports).unwrap_or_else(|| {
            let shown = (!matches!(protocol, Protocol::All | Protocol::Number(_))).then_some(ports);
            let (ipv4, ipv6) = (Vec::new(), Vec::new());
            groups.push((ports, GroupedRules { protocol, ports: shown, ipv4, ipv6, groups: Vec::new(), lists: Vec::new() }));
            groups.len() - 1
        });
        let (_, group) = &mut groups[at];
        match &rule.spec.peer {
            Peer::Ipv4(net) => group.ipv4.push((net.to_string(), rule.description.as_deref())),
            Peer::Ipv6(net) => group.ipv6.push((net.to_string(), rule.description.as_deref())),
            Peer::Group(id) => group.groups.push((id, rule.description.as_deref())),
            Peer::PrefixList(id) => group.lists.push((id, rule.description.as_deref())),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

#[cfg(test)]
mod tests {
    use super::super::RuleSpec;
    use super::*;

    fn rule(protocol: &str, port: i32, peer: Peer) -> Rule {
        let protocol = Protocol::parse(protocol).unwrap();
        let ports = Ports::read(protocol, Some(port), Some(port)).unwrap();
        Rule { spec: RuleSpec { protocol, ports, peer }, description: None }
    }

    fn net(text: &str) -> Peer {
        Peer::Ipv4(text.parse().unwrap())
    }

    #[test]
    fn rules_with_the_same_ports_come_back_as_one_permission() {
        let rules = [
            rule("tcp", 22, net("10.0.0.0/8")),
            rule("tcp", 80, net("0.0.0.0/0")),
            rule("tcp", 22, net("192.0.2.1/32")),
            rule("tcp", 22, Peer::Group("sg-1".into())),
            rule("-1", 0, net("0.0.0.0/0")),
        ];
        let groups = grouped(&rules);
        assert_eq!(groups.len(), 3);
        assert_eq!(groups[0].ipv4, [("10.0.0.0/8".into(), None), ("192.0.2.1/32".into(), None)]);
        assert_eq!(groups[0].groups, [("sg-1", None)]);
        assert_eq!(groups[1].ports, Some(Ports { from: 80, to: 80 }));
        assert_eq!((groups[2].protocol, groups[2].ports), (Protocol::All, None));
    }
}
