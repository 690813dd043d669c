//! The rules of a security group that let packets in. Only networks and ports are drawn here.

use super::answer::Element;
use super::query::{Given, Query};
use super::{Account, Faults, is_id};

/// Protocol, first and last port, network.
pub type Rule = (String, i64, i64, String);

/// A rule that is asked for, or what is wrong with it.
fn read(permission: &Given) -> Result<Rule, Faults> {
    let (protocol, network) = (permission.get("IpProtocol"), permission.get("IpRanges.1.CidrIp"));
    let mut faults = Faults::new();
    faults.extend((protocol.is_none() || network.is_none()).then_some("MissingParameter"));
    let bits = network.map_or("0", |network| network.rsplit('/').next().unwrap_or_default());
    faults.extend(bits.parse::<u8>().is_ok_and(|bits| bits > 32).then_some("InvalidParameterValue"));
    let (protocol, network) = (protocol.unwrap_or("tcp"), network.unwrap_or_default().to_owned());
    let ports = match (protocol, permission.number("FromPort"), permission.number("ToPort")) {
        ("tcp" | "udp", Some(from), Some(to)) => {
            let fits = (0..=65535).contains(&from) && (from..=65535).contains(&to);
            faults.extend((!fits).then_some("InvalidParameterValue"));
            (from, to)
        }
        (known, ..) => {
            faults.extend(["tcp", "udp"].contains(&known).then_some("MissingParameter"));
            faults.extend((!["tcp", "udp", "-1"].contains(&known)).then_some("InvalidPermission.Malformed"));
            (-1, -1)
        }
    };
    if faults.is_empty() { Ok((protocol.into(), ports.0, ports.1, network)) } else { Err(faults) }
}

fn asked(query: &Query) -> Vec<Result<Rule, Faults>> {
    query.given.each("IpPermissions").iter().map(read).collect()
}

pub fn faults(own: &Account, query: &Query) -> Faults {
    let mut faults = Faults::new();
    match query.get("GroupId") {
        None => faults.push("MissingParameter"),
        Some(id) if !is_id("sg", id) => faults.push("InvalidGroupId.Malformed"),
        Some(id) if id != own.group_id => faults.push("InvalidGroup.NotFound"),
        Some(_) => {}
    }
    let asked = asked(query);
    faults.extend(asked.is_empty().then_some("MissingParameter"));
    faults.extend(asked.iter().filter_map(|rule| rule.as_ref().err()).flatten());
    let twice = asked.iter().enumerate().any(|(at, rule)| rule.is_ok() && asked[..at].contains(rule));
    faults.extend(twice.then_some("InvalidParameterValue"));
    if query.action == "AuthorizeSecurityGroupIngress" && asked.iter().flatten().any(|rule| own.open.contains(rule)) {
        faults.push("InvalidPermission.Duplicate");
    }
    faults
}

/// What is revoked of the default VPC's groups and was not there is no error: it is answered.
pub fn accept(own: &mut Account, query: &Query, answer: &Element) -> Result<(), String> {
    let asked: Vec<Rule> = asked(query).into_iter().flatten().collect();
    if query.action == "AuthorizeSecurityGroupIngress" {
        let made = answer.items("securityGroupRuleSet").count();
        if made != asked.len() {
            return Err(format!("{made} rules are answered, and {} were made", asked.len()));
        }
        own.open.extend(asked);
        return Ok(());
    }
    let unknown = asked.iter().filter(|rule| !own.open.remove(*rule)).count();
    let told: usize = answer.items("unknownIpPermissionSet").map(|one| one.items("ipRanges").count()).sum();
    if told == unknown { Ok(()) } else { Err(format!("{told} rules are answered as unknown, and {unknown} are")) }
}
