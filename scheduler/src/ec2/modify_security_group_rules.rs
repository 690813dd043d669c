//! `ModifySecurityGroupRules`: each rule becomes what the request says of it, whole, and keeps its id and its tags. What it matches by, a block,
//! a group or a prefix list, it goes on matching by.
//! Source: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_SecurityGroupRuleRequest.html>.

use std::collections::BTreeSet;

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ColumnTrait, EntityTrait, ModelTrait, QueryFilter};

use super::group_rules::{
    Reach,
    authorize::{self, PeerColumns},
    read_permissions, touch,
};
use super::message::missing;
use super::resolve::{SECURITY_GROUP, SECURITY_GROUP_RULE};
use super::run_instances::{combination, invalid};
use crate::engine::Command;
use crate::security_group::{Direction, GroupReference, Permission, PermissionPeer, Rule};
use crate::store::{Outcome, Tx, security_group, security_group_rule};

impl Command for ec2::ModifySecurityGroupRulesRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidGroupIdMalformed,
        ErrorCode::InvalidGroupNotFound,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
        ErrorCode::InvalidPermissionDuplicate,
        ErrorCode::InvalidPermissionMalformed,
        ErrorCode::InvalidPrefixListIdNotFound,
        ErrorCode::InvalidSecurityGroupRuleIdMalformed,
        ErrorCode::InvalidSecurityGroupRuleIdNotFound,
        ErrorCode::MissingParameter,
        ErrorCode::RulesPerSecurityGroupLimitExceeded,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::ModifySecurityGroupRulesResult> {
        if self.group_id.is_empty() {
            return Err(missing("GroupId").into());
        }
        if self.security_group_rules.is_empty() {
            return Err(missing("SecurityGroupRule").into());
        }
        let group = SECURITY_GROUP.own::<security_group::Entity>(tx, &self.group_id).await?;
        let rows = named(tx, &group, &self.security_group_rules).await?;
        let mut changed = Vec::with_capacity(rows.len());
        for (row, update) in rows.into_iter().zip(&self.security_group_rules) {
            changed.push(rewritten(tx, &group, row, update).await?);
        }
        // All go before one comes, so that two may take each other's place.
        for (row, _) in &changed {
            row.clone().delete(tx.db()).await?;
        }
        for (row, words) in changed {
            authorize::insert(tx, row, &words).await?;
        }
        for direction in [Direction::Ingress, Direction::Egress] {
            authorize::check_limit(tx, &group, direction).await?;
        }
        touch(tx, &group).await?;
        Ok(ec2::ModifySecurityGroupRulesResult { r#return: Some(true) })
    }
}

/// The rules of the group that a request names, in its order.
async fn named(
    tx: &Tx,
    group: &security_group::Model,
    updates: &[ec2::SecurityGroupRuleUpdate],
) -> Outcome<Vec<security_group_rule::Model>> {
    let of_group = security_group_rule::Entity::find().filter(security_group_rule::Column::GroupId.eq(&group.group_id));
    let present = of_group.all(tx.db()).await?;
    let (mut rows, mut seen) = (Vec::with_capacity(updates.len()), BTreeSet::new());
    for id in updates.iter().map(|update| update.security_group_rule_id.as_str()) {
        if id.is_empty() {
            return Err(missing("SecurityGroupRule.N.SecurityGroupRuleId").into());
        }
        SECURITY_GROUP_RULE.check(id)?;
        let row = present.iter().find(|row| row.security_group_rule_id == id).ok_or_else(|| SECURITY_GROUP_RULE.absent(id))?;
        if !seen.insert(id) {
            return Err(invalid(format!("The rule '{id}' is named more than once.")).into());
        }
        rows.push(row.clone());
    }
    Ok(rows)
}

/// The row as the update has it, and the rule in words.
async fn rewritten(
    tx: &Tx,
    group: &security_group::Model,
    row: security_group_rule::Model,
    update: &ec2::SecurityGroupRuleUpdate,
) -> Outcome<(security_group_rule::Model, String)> {
    let given = update.security_group_rule.as_ref().ok_or_else(|| missing("SecurityGroupRule.N.SecurityGroupRule"))?;
    let permission = Permission {
        ip_protocol: given.ip_protocol.as_deref(),
        from_port: given.from_port,
        to_port: given.to_port,
        peers: vec![(peer(given)?, given.description.as_deref())],
    };
    let rule = read_permissions(tx, group, vec![permission], Reach::Now).await?.pop();
    let Rule { spec, description } = rule.ok_or_else(|| Fault::internal("a permission with a peer was read", "and there is no rule"))?;
    let words = spec.to_string();
    let PeerColumns { cidr_ipv4, cidr_ipv6, referenced_group_id, prefix_list_id } = authorize::peer_columns(spec.peer);
    let kinds = [(&cidr_ipv4, &row.cidr_ipv4), (&cidr_ipv6, &row.cidr_ipv6), (&prefix_list_id, &row.prefix_list_id)];
    if kinds.iter().any(|(asked, has)| asked.is_some() != has.is_some()) {
        let message = format!("The type of the rule '{}' cannot be changed. Revoke it and authorize another.", row.security_group_rule_id);
        return Err(invalid(message).into());
    }
    let (from_port, to_port) = (spec.ports.from, spec.ports.to);
    let ip_protocol = spec.protocol.to_string();
    let row = security_group_rule::Model { cidr_ipv4, cidr_ipv6, referenced_group_id, prefix_list_id, ..row };
    Ok((security_group_rule::Model { ip_protocol, from_port, to_port, description, ..row }, words))
}

fn peer(given: &ec2::SecurityGroupRuleRequest) -> Result<PermissionPeer<'_>, Fault> {
    let group = |id| PermissionPeer::Group(GroupReference { group_id: Some(id), ..GroupReference::default() });
    let peers = [
        given.cidr_ipv4.as_deref().map(|cidr| PermissionPeer::Cidr(Some(cidr))),
        given.cidr_ipv6.as_deref().map(|cidr| PermissionPeer::Cidr6(Some(cidr))),
        given.referenced_group_id.as_deref().map(group),
        given.prefix_list_id.as_deref().map(|id| PermissionPeer::PrefixList(Some(id))),
    ];
    let mut given = peers.into_iter().flatten();
    match (given.next(), given.next()) {
        (Some(peer), None) => Ok(peer),
        (None, _) => Err(missing("SecurityGroupRule.N.SecurityGroupRule.CidrIpv4, CidrIpv6, ReferencedGroupId or PrefixListId")),
        _ => Err(combination("A rule is given exactly one of CidrIpv4, CidrIpv6, ReferencedGroupId and PrefixListId.")),
    }
}
