//! Adding rules to a group. All rules of a request are made, or none.

use freehold_proto::aws::ec2;
use freehold_proto::id::SecurityGroupRuleId;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ActiveModelTrait, IntoActiveModel};

use super::{Asked, Reach, Reachable, find, present, read, touch};
use crate::ec2::create_tags::insert_tags;
use crate::ec2::message;
use crate::ec2::model::security_group::rule_message;
use crate::ec2::resolve::SECURITY_GROUP_RULE;
use crate::network::prefix_list as lists;
use crate::security_group::{Direction, MAX_RULES_PER_DIRECTION, Peer, Rule};
use crate::store::{Outcome, Tx, is_unique_violation, security_group, security_group_rule};

/// What it can be refused with.
pub const ERRORS: &[ErrorCode] = &[
    ErrorCode::InvalidGroupIdMalformed,
    ErrorCode::InvalidGroupNotFound,
    ErrorCode::InvalidParameterCombination,
    ErrorCode::InvalidParameterValue,
    ErrorCode::InvalidPermissionDuplicate,
    ErrorCode::InvalidPermissionMalformed,
    ErrorCode::InvalidPrefixListIdNotFound,
    ErrorCode::MissingParameter,
    ErrorCode::RulesPerSecurityGroupLimitExceeded,
    ErrorCode::TagLimitExceeded,
];

pub async fn authorize(
    tx: &mut Tx,
    direction: Direction,
    asked: Asked<'_>,
    tags: &[ec2::TagSpecification],
) -> Outcome<Vec<ec2::SecurityGroupRule>> {
    let group = find(tx, asked.group_id, asked.group_name).await?;
    let rules = read(tx, &group, &asked, Reach::Now).await?;
    let tags = message::tags_on_create(SECURITY_GROUP_RULE.resource_type, tags)?;
    let mut made = Vec::with_capacity(rules.len());
    for rule in rules {
        let words = rule.spec.to_string();
        let row = insert(tx, row(tx, &group, direction, rule), &words).await?;
        insert_tags(tx, &row.security_group_rule_id, SECURITY_GROUP_RULE.resource_type, &tags).await?;
        made.push(row);
    }
    check_limit(tx, &group, direction).await?;
    touch(tx, &group).await?;
    let foreign = Reachable::from(tx, &group, Reach::Now).await?.shown();
    let shown = |row: &security_group_rule::Model| {
        let foreign = row.referenced_group_id.as_ref().and_then(|id| foreign.get(id));
        rule_message(row, (&group.vpc_id, foreign), &tags, &tx.settings().region)
    };
    Ok(made.iter().map(shown).collect())
}

fn row(tx: &Tx, group: &security_group::Model, direction: Direction, rule: Rule) -> security_group_rule::Model {
    let PeerColumns { cidr_ipv4, cidr_ipv6, referenced_group_id, prefix_list_id } = peer_columns(rule.spec.peer);
    security_group_rule::Model {
        security_group_rule_id: SecurityGroupRuleId::draw(tx.entropy()).into(),
        account_id: tx.account().to_owned(),
        group_id: group.group_id.clone(),
        is_egress: direction.is_egress(),
        ip_protocol: rule.spec.protocol.to_string(),
        from_port: rule.spec.ports.from,
        to_port: rule.spec.ports.to,
        cidr_ipv4,
        cidr_ipv6,
        referenced_group_id,
        prefix_list_id,
        description: rule.description,
        created: tx.now(),
    }
}

/// What a rule matches by: one of these it has.
#[derive(Default)]
pub struct PeerColumns {
    pub cidr_ipv4: Option<String>,
    pub cidr_ipv6: Option<String>,
    pub referenced_group_id: Option<String>,
    pub prefix_list_id: Option<String>,
}

pub fn peer_columns(peer: Peer) -> PeerColumns {
    let none = PeerColumns::default();
    match peer {
        Peer::Ipv4(net) => PeerColumns { cidr_ipv4: Some(net.to_string()), ..none },
        Peer::Ipv6(net) => PeerColumns { cidr_ipv6: Some(net.to_string()), ..none },
        Peer::Group(group_id) => PeerColumns { referenced_group_id: Some(group_id), ..none },
        Peer::PrefixList(id) => PeerColumns { prefix_list_id: Some(id), ..none },
    }
}

/// `words`: what the rule says, should it be there already.
pub async fn insert(tx: &Tx, row: security_group_rule::Model, words: &str) -> Outcome<security_group_rule::Model> {
    match row.into_active_model().insert(tx.db()).await {
        Err(error) if is_unique_violation(&error) => {
            let message = format!("the specified rule \"{words}\" already exists");
            Err(Fault::new(ErrorCode::InvalidPermissionDuplicate, message).into())
        }
        inserted => Ok(inserted?),
    }
}

/// A rule that names a prefix list counts as the list has room for. Rules of IPv4 and of IPv6 are counted apart; what names a group or a list
/// is of both.
pub async fn check_limit(tx: &Tx, group: &security_group::Model, direction: Direction) -> Outcome<()> {
    let rules = present(tx, group, direction).await?;
    let of = |column: fn(&security_group_rule::Model) -> &Option<String>| rules.iter().filter(move |rule| column(rule).is_none());
    let ipv4 = lists::weight(tx, of(|rule| &rule.cidr_ipv6).map(|rule| rule.prefix_list_id.as_deref())).await?;
    let ipv6 = lists::weight(tx, of(|rule| &rule.cidr_ipv4).map(|rule| rule.prefix_list_id.as_deref())).await?;
    if ipv4.max(ipv6) > MAX_RULES_PER_DIRECTION {
        let message =
            format!("The maximum number of rules per security group has been reached: {MAX_RULES_PER_DIRECTION} {direction} rules.");
        return Err(Fault::new(ErrorCode::RulesPerSecurityGroupLimitExceeded, message).into());
    }
    Ok(())
}
