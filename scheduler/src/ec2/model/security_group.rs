//! Security groups and their rules.

use std::collections::BTreeMap;

use freehold_proto::Fault;
use freehold_proto::aws::ec2;

use crate::ec2::message;
use crate::ec2::shown::never;
use crate::filter::Table;
use crate::security_group::GroupReference;
use crate::security_group::{GroupedRules, Peer, Permission, PermissionPeer, Ports, Protocol, Rule, RuleSpec, grouped};
use crate::store::read::resources::{Foreign, SecurityGroupRuleView, SecurityGroupView};
use crate::store::security_group_rule;
use crate::tags::Tags;

/// A filter that says something of each rule of one direction.
macro_rules! by_rule {
    ($egress:literal, $name:literal, |$rule:ident, $say:ident| $each:expr) => {
        ($name, |view, $say| rules(view, $egress).for_each(|$rule| $each))
    };
}

pub const FILTERS: Table<SecurityGroupView> = Table {
    names: &[
        ("description", |view, say| say(&view.group.description)),
        ("group-id", |view, say| say(&view.group.group_id)),
        ("group-name", |view, say| say(&view.group.group_name)),
        ("owner-id", |view, say| say(&view.group.account_id)),
        ("vpc-id", |view, say| say(&view.group.vpc_id)),
        by_rule!(false, "ip-permission.cidr", |rule, say| rule.cidr_ipv4.iter().for_each(|cidr| say(cidr))),
        by_rule!(false, "ip-permission.from-port", |rule, say| say(&rule.from_port.to_string())),
        by_rule!(false, "ip-permission.group-id", |rule, say| rule.referenced_group_id.iter().for_each(|id| say(id))),
        // A pair names its group by id alone.
        never!("ip-permission.group-name"),
        by_rule!(false, "ip-permission.ipv6-cidr", |rule, say| rule.cidr_ipv6.iter().for_each(|cidr| say(cidr))),
        by_rule!(false, "ip-permission.prefix-list-id", |rule, say| rule.prefix_list_id.iter().for_each(|id| say(id))),
        by_rule!(false, "ip-permission.protocol", |rule, say| say(&rule.ip_protocol)),
        by_rule!(false, "ip-permission.to-port", |rule, say| say(&rule.to_port.to_string())),
        ("ip-permission.user-id", |view, say| owners(view, false).for_each(say)),
        by_rule!(true, "egress.ip-permission.cidr", |rule, say| rule.cidr_ipv4.iter().for_each(|cidr| say(cidr))),
        by_rule!(true, "egress.ip-permission.from-port", |rule, say| say(&rule.from_port.to_string())),
        by_rule!(true, "egress.ip-permission.group-id", |rule, say| rule.referenced_group_id.iter().for_each(|id| say(id))),
        never!("egress.ip-permission.group-name"),
        by_rule!(true, "egress.ip-permission.ipv6-cidr", |rule, say| rule.cidr_ipv6.iter().for_each(|cidr| say(cidr))),
        by_rule!(true, "egress.ip-permission.prefix-list-id", |rule, say| rule.prefix_list_id.iter().for_each(|id| say(id))),
        by_rule!(true, "egress.ip-permission.protocol", |rule, say| say(&rule.ip_protocol)),
        by_rule!(true, "egress.ip-permission.to-port", |rule, say| say(&rule.to_port.to_string())),
        ("egress.ip-permission.user-id", |view, say| owners(view, true).for_each(say)),
    ],
    tags: Some(|view, say| view.tags.iter().for_each(|(key, value)| say(key, value))),
};

pub const RULE_FILTERS: Table<SecurityGroupRuleView> = Table {
    names: &[
        ("group-id", |view, say| say(&view.rule.group_id)),
        ("security-group-rule-id", |view, say| say(&view.rule.security_group_rule_id)),
    ],
    tags: Some(|view, say| view.tags.iter().for_each(|(key, value)| say(key, value))),
};

fn rules(view: &SecurityGroupView, egress: bool) -> impl Iterator<Item = &security_group_rule::Model> {
    view.rules.iter().map(AsRef::as_ref).filter(move |rule| rule.is_egress == egress)
}

/// To whom the groups belong that its rules of one direction name.
fn owners(view: &SecurityGroupView, egress: bool) -> impl Iterator<Item = &str> {
    let named = rules(view, egress).filter_map(|rule| rule.referenced_group_id.as_ref());
    named.map(|id| view.foreign.get(id).map_or(&view.group.account_id, |foreign| &foreign.account_id).as_str())
}

/// A rule out of its row.
pub fn rule(row: &security_group_rule::Model) -> Result<Rule, Fault> {
    let malformed = |error| Fault::internal("a stored rule's CIDR block", error);
    let peer = match (&row.cidr_ipv4, &row.cidr_ipv6, &row.referenced_group_id, &row.prefix_list_id) {
        (Some(cidr), ..) => Peer::Ipv4(cidr.parse().map_err(malformed)?),
        (None, Some(cidr), ..) => Peer::Ipv6(cidr.parse().map_err(malformed)?),
        (None, None, Some(group_id), _) => Peer::Group(group_id.clone()),
        (None, None, None, Some(list)) => Peer::PrefixList(list.clone()),
        (None, None, None, None) => return Err(Fault::internal("a stored rule without a peer", row.security_group_rule_id.clone())),
    };
    let spec = RuleSpec { protocol: Protocol::parse(&row.ip_protocol)?, ports: Ports { from: row.from_port, to: row.to_port }, peer };
    Ok(Rule { spec, description: row.description.clone() })
}

/// A group as Describe shows it.
pub fn shown(view: &SecurityGroupView, region: &str) -> Result<ec2::SecurityGroup, Fault> {
    let SecurityGroupView { group, tags, .. } = view;
    let permissions = |egress| -> Result<Vec<ec2::IpPermission>, Fault> {
        let rules = rules(view, egress).map(rule).collect::<Result<Vec<Rule>, Fault>>()?;
        Ok(grouped(&rules).into_iter().map(|permission| ip_permission(permission, &group.account_id, &view.foreign)).collect())
    };
    Ok(ec2::SecurityGroup {
        group_id: Some(group.group_id.clone()),
        group_name: Some(group.group_name.clone()),
        description: Some(group.description.clone()),
        owner_id: Some(group.account_id.clone()),
        vpc_id: Some(group.vpc_id.clone()),
        security_group_arn: Some(arn(region, &group.account_id, &group.group_id)),
        ip_permissions: permissions(false)?,
        ip_permissions_egress: permissions(true)?,
        tags: message::tags(tags),
    })
}

/// A pair names its group by id alone: clients that find a name take it for the name of a group outside a VPC.
pub fn ip_permission(permission: GroupedRules<'_>, account_id: &str, foreign: &BTreeMap<String, Foreign>) -> ec2::IpPermission {
    let words = |text: Option<&str>| text.map(str::to_owned);
    ec2::IpPermission {
        ip_protocol: Some(permission.protocol.to_string()),
        from_port: permission.ports.map(|ports| ports.from),
        to_port: permission.ports.map(|ports| ports.to),
        ip_ranges: permission
            .ipv4
            .into_iter()
            .map(|(cidr, description)| ec2::IpRange { cidr_ip: Some(cidr), description: words(description) })
            .collect(),
        ipv6_ranges: permission
            .ipv6
            .into_iter()
            .map(|(cidr, description)| ec2::Ipv6Range { cidr_ipv6: Some(cidr), description: words(description) })
            .collect(),
        user_id_group_pairs: permission
            .groups
            .into_iter()
            .map(|(group_id, description)| {
                let foreign = foreign.get(group_id);
                ec2::UserIdGroupPair {
                    group_id: Some(group_id.to_owned()),
                    user_id: Some(foreign.map_or(account_id, |foreign| &foreign.account_id).to_owned()),
                    vpc_id: foreign.map(|foreign| foreign.vpc_id.clone()),
                    vpc_peering_connection_id: foreign.map(|foreign| foreign.peering_id.clone()),
                    peering_status: foreign.map(|foreign| foreign.peering_status.clone()),
                    description: words(description),
                    ..Default::default()
                }
            })
            .collect(),
        prefix_list_ids: permission
            .lists
            .into_iter()
            .map(|(id, description)| ec2::PrefixListId { prefix_list_id: Some(id.to_owned()), description: words(description) })
            .collect(),
    }
}

pub fn arn(region: &str, account_id: &str, group_id: &str) -> String {
    format!("arn:aws:ec2:{region}:{account_id}:security-group/{group_id}")
}

/// A rule by itself. What it refers to is in its group's VPC, or behind a peering connection.
pub fn rule_message(
    row: &security_group_rule::Model,
    (vpc_id, foreign): (&str, Option<&Foreign>),
    tags: &Tags,
    region: &str,
) -> ec2::SecurityGroupRule {
    let referenced = |group_id: &String| ec2::ReferencedSecurityGroup {
        group_id: Some(group_id.clone()),
        user_id: Some(foreign.map_or(&row.account_id, |foreign| &foreign.account_id).clone()),
        vpc_id: Some(foreign.map_or(vpc_id, |foreign| &foreign.vpc_id).to_owned()),
        vpc_peering_connection_id: foreign.map(|foreign| foreign.peering_id.clone()),
        peering_status: foreign.map(|foreign| foreign.peering_status.clone()),
    };
    ec2::SecurityGroupRule {
        security_group_rule_id: Some(row.security_group_rule_id.clone()),
        security_group_rule_arn: Some(format!(
            "arn:aws:ec2:{region}:{}:security-group-rule/{}",
            row.account_id, row.security_group_rule_id
        )),
        group_id: Some(row.group_id.clone()),
        group_owner_id: Some(row.account_id.clone()),
        is_egress: Some(row.is_egress),
        ip_protocol: Some(row.ip_protocol.clone()),
        from_port: Some(row.from_port),
        to_port: Some(row.to_port),
        cidr_ipv4: row.cidr_ipv4.clone(),
        cidr_ipv6: row.cidr_ipv6.clone(),
        prefix_list_id: row.prefix_list_id.clone(),
        referenced_group_info: row.referenced_group_id.as_ref().map(referenced),
        description: row.description.clone(),
        tags: message::tags(tags),
    }
}

/// A rule as Revoke answers it.
impl From<&security_group_rule::Model> for ec2::RevokedSecurityGroupRule {
    fn from(row: &security_group_rule::Model) -> Self {
        Self {
            security_group_rule_id: Some(row.security_group_rule_id.clone()),
            group_id: Some(row.group_id.clone()),
            is_egress: Some(row.is_egress),
            ip_protocol: Some(row.ip_protocol.clone()),
            from_port: Some(row.from_port),
            to_port: Some(row.to_port),
            cidr_ipv4: row.cidr_ipv4.clone(),
            cidr_ipv6: row.cidr_ipv6.clone(),
            referenced_group_id: row.referenced_group_id.clone(),
            prefix_list_id: row.prefix_list_id.clone(),
            description: row.description.clone(),
        }
    }
}

/// A request's permission, free of the message's form.
pub fn permission(given: &ec2::IpPermission) -> Permission<'_> {
    let ranges = given.ip_ranges.iter().map(|range| (PermissionPeer::Cidr(range.cidr_ip.as_deref()), range.description.as_deref()));
    let ranges6 = given.ipv6_ranges.iter().map(|range| (PermissionPeer::Cidr6(range.cidr_ipv6.as_deref()), range.description.as_deref()));
    let pairs = given.user_id_group_pairs.iter().map(|pair| {
        let reference = GroupReference {
            group_id: pair.group_id.as_deref(),
            group_name: pair.group_name.as_deref(),
            user_id: pair.user_id.as_deref(),
            vpc_id: pair.vpc_id.as_deref(),
            peering_id: pair.vpc_peering_connection_id.as_deref(),
        };
        (PermissionPeer::Group(reference), pair.description.as_deref())
    });
    let lists =
        given.prefix_list_ids.iter().map(|list| (PermissionPeer::PrefixList(list.prefix_list_id.as_deref()), list.description.as_deref()));
    Permission {
        ip_protocol: given.ip_protocol.as_deref(),
        from_port: given.from_port,
        to_port: given.to_port,
        peers: ranges.chain(ranges6).chain(pairs).chain(lists).collect(),
    }
}
