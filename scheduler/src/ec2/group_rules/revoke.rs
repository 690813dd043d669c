//! Taking rules out of a group: by their ids, or by permissions that match rules in everything but the description.
//!
//! A permission that matches no rule is `InvalidPermission.NotFound` and nothing is revoked; in the default VPC EC2 revokes what it can
//! and answers the rest as unknown. Source: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RevokeSecurityGroupIngress.html>.

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::ModelTrait;

use super::{Asked, Reach, Reachable, default_vpc_id, find, no_such_rule, present, read, touch};
use crate::ec2::create_tags::remove_tags;
use crate::ec2::model::security_group::{ip_permission, rule};
use crate::ec2::resolve::SECURITY_GROUP_RULE;
use crate::ec2::run_instances::combination;
use crate::security_group::{Direction, Rule, grouped};
use crate::store::{Outcome, Tx, security_group, security_group_rule};

/// What it can be refused with.
pub const ERRORS: &[ErrorCode] = &[
    ErrorCode::InvalidGroupIdMalformed,
    ErrorCode::InvalidGroupNotFound,
    ErrorCode::InvalidParameterCombination,
    ErrorCode::InvalidParameterValue,
    ErrorCode::InvalidPermissionMalformed,
    ErrorCode::InvalidPermissionNotFound,
    ErrorCode::InvalidPrefixListIdNotFound,
    ErrorCode::InvalidSecurityGroupRuleIdMalformed,
    ErrorCode::InvalidSecurityGroupRuleIdNotFound,
    ErrorCode::MissingParameter,
];

/// What was revoked, and what was not there.
pub type Revoked = (Vec<ec2::RevokedSecurityGroupRule>, Vec<ec2::IpPermission>);

pub async fn revoke(tx: &mut Tx, direction: Direction, asked: Asked<'_>) -> Outcome<Revoked> {
    let group = find(tx, asked.group_id, asked.group_name).await?;
    let present = present(tx, &group, direction).await?;
    let (revoked, unknown) =
        if asked.rule_ids.is_empty() { by_permissions(tx, &group, &asked, present).await? } else { (by_ids(&asked, present)?, Vec::new()) };
    for row in &revoked {
        remove_tags(tx, &row.security_group_rule_id).await?;
        row.clone().delete(tx.db()).await?;
    }
    if !revoked.is_empty() {
        touch(tx, &group).await?;
    }
    let foreign = Reachable::from(tx, &group, Reach::OrNamed).await?.shown();
    let unknown = grouped(&unknown).into_iter().map(|unknown| ip_permission(unknown, tx.account(), &foreign)).collect();
    Ok((revoked.iter().map(Into::into).collect(), unknown))
}

fn by_ids(asked: &Asked<'_>, mut present: Vec<security_group_rule::Model>) -> Result<Vec<security_group_rule::Model>, Fault> {
    if !asked.ip_permissions.is_empty() || !asked.plain.is_empty() {
        return Err(combination("The parameter SecurityGroupRuleId cannot be used with permissions. Give one of the two forms."));
    }
    SECURITY_GROUP_RULE.select(asked.rule_ids)?;
    SECURITY_GROUP_RULE.all_found(asked.rule_ids, present.iter().map(|row| row.security_group_rule_id.as_str()))?;
    present.retain(|row| asked.rule_ids.contains(&row.security_group_rule_id));
    Ok(present)
}

async fn by_permissions(
    tx: &Tx,
    group: &security_group::Model,
    asked: &Asked<'_>,
    present: Vec<security_group_rule::Model>,
) -> Outcome<(Vec<security_group_rule::Model>, Vec<Rule>)> {
    let mut present = present.into_iter().map(|row| Ok((rule(&row)?.spec, row))).collect::<Result<Vec<_>, Fault>>()?;
    let (mut revoked, mut unknown) = (Vec::new(), Vec::new());
    for wanted in read(tx, group, asked, Reach::OrNamed).await? {
        match present.iter().position(|(spec, _)| *spec == wanted.spec) {
            Some(at) => revoked.push(present.swap_remove(at).1),
            None => unknown.push(wanted),
        }
    }
    if !unknown.is_empty() && group.vpc_id != default_vpc_id(tx).await? {
        return Err(no_such_rule().into());
    }
    Ok((revoked, unknown))
}
