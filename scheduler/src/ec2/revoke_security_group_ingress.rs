//! `RevokeSecurityGroupIngress`: by rule ids, or by permissions that match rules in everything but the description.
//!
//! A permission that matches no rule is `InvalidPermission.NotFound` and nothing is revoked; in the default VPC EC2 revokes what it can
//! and answers the rest as unknown. Source: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RevokeSecurityGroupIngress.html>.

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ColumnTrait, EntityTrait, ModelTrait, QueryFilter};

use super::authorize_security_group_ingress::{PlainRule, default_vpc_id, find, read, touch};
use super::create_tags::remove_tags;
use super::model::security_group::{ip_permission, rule};
use super::resolve::SECURITY_GROUP_RULE;
use crate::engine::Command;
use crate::security_group::{Rule, grouped};
use crate::store::{Outcome, Tx, security_group, security_group_rule};

impl Command for ec2::RevokeSecurityGroupIngressRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidGroupIdMalformed,
        ErrorCode::InvalidGroupNotFound,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
        ErrorCode::InvalidPermissionMalformed,
        ErrorCode::InvalidPermissionNotFound,
        ErrorCode::InvalidSecurityGroupRuleIdMalformed,
        ErrorCode::InvalidSecurityGroupRuleIdNotFound,
        ErrorCode::MissingParameter,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::RevokeSecurityGroupIngressResult> {
        let group = find(tx, self.group_id.as_deref(), self.group_name.as_deref()).await?;
        let of_group = security_group_rule::Entity::find().filter(security_group_rule::Column::GroupId.eq(&group.group_id));
        let present = of_group.filter(security_group_rule::Column::IsEgress.eq(false)).all(tx.db()).await?;
        let (revoked, unknown) = if self.security_group_rule_ids.is_empty() {
            by_permissions(&self, tx, &group, present).await?
        } else {
            (by_ids(&self, present)?, Vec::new())
        };
        for row in &revoked {
            remove_tags(tx, &row.security_group_rule_id).await?;
            row.clone().delete(tx.db()).await?;
        }
        if !revoked.is_empty() {
            touch(tx, &group).await?;
        }
        Ok(ec2::RevokeSecurityGroupIngressResult {
            r#return: Some(true),
            revoked_security_group_rules: revoked.iter().map(Into::into).collect(),
            unknown_ip_permissions: grouped(&unknown).into_iter().map(|unknown| ip_permission(unknown, tx.account())).collect(),
        })
    }
}

type Found = (Vec<security_group_rule::Model>, Vec<Rule>);

fn plain(request: &ec2::RevokeSecurityGroupIngressRequest) -> PlainRule<'_> {
    PlainRule {
        ip_protocol: request.ip_protocol.as_deref(),
        from_port: request.from_port,
        to_port: request.to_port,
        cidr_ip: request.cidr_ip.as_deref(),
    }
}

fn by_ids(
    request: &ec2::RevokeSecurityGroupIngressRequest,
    mut present: Vec<security_group_rule::Model>,
) -> Result<Vec<security_group_rule::Model>, Fault> {
    if !request.ip_permissions.is_empty() || !plain(request).is_empty() {
        let message = "The parameter SecurityGroupRuleId cannot be used with permissions. Give one of the two forms.";
        return Err(Fault::new(ErrorCode::InvalidParameterCombination, message));
    }
    SECURITY_GROUP_RULE.select(&request.security_group_rule_ids)?;
    SECURITY_GROUP_RULE.all_found(&request.security_group_rule_ids, present.iter().map(|row| row.security_group_rule_id.as_str()))?;
    present.retain(|row| request.security_group_rule_ids.contains(&row.security_group_rule_id));
    Ok(present)
}

async fn by_permissions(
    request: &ec2::RevokeSecurityGroupIngressRequest,
    tx: &Tx,
    group: &security_group::Model,
    present: Vec<security_group_rule::Model>,
) -> Outcome<Found> {
    let mut present = present.into_iter().map(|row| Ok((rule(&row)?.spec, row))).collect::<Result<Vec<_>, Fault>>()?;
    let (mut revoked, mut unknown) = (Vec::new(), Vec::new());
    for wanted in read(tx, group, &plain(request), &request.ip_permissions).await? {
        match present.iter().position(|(spec, _)| *spec == wanted.spec) {
            Some(at) => revoked.push(present.swap_remove(at).1),
            None => unknown.push(wanted),
        }
    }
    if !unknown.is_empty() && group.vpc_id != default_vpc_id(tx).await? {
        let message = "The specified rule does not exist in this security group.";
        return Err(Fault::new(ErrorCode::InvalidPermissionNotFound, message).into());
    }
    Ok((revoked, unknown))
}
