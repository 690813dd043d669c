//! Describing a group's rules anew. Nothing that a host obeys changes.

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ActiveModelTrait, IntoActiveModel, Set};

use super::{Asked, Reach, find, no_such_rule, present, read};
use crate::ec2::message::missing;
use crate::ec2::model::security_group::rule;
use crate::ec2::resolve::SECURITY_GROUP_RULE;
use crate::ec2::run_instances::combination;
use crate::security_group::{Direction, check_description};
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

type Described = Vec<(security_group_rule::Model, Option<String>)>;

/// A rule that is named without a description has none from then on.
pub async fn update(tx: &Tx, direction: Direction, asked: Asked<'_>, by_id: &[ec2::SecurityGroupRuleDescription]) -> Outcome<()> {
    let group = find(tx, asked.group_id, asked.group_name).await?;
    let present = present(tx, &group, direction).await?;
    let described = match (asked.ip_permissions.is_empty(), by_id.is_empty()) {
        (true, true) => return Err(missing("IpPermissions or SecurityGroupRuleDescription").into()),
        (false, false) => {
            let message = "The parameter SecurityGroupRuleDescription cannot be used with IpPermissions. Give one of the two forms.";
            return Err(combination(message).into());
        }
        (false, true) => by_permissions(tx, &group, &asked, present).await?,
        (true, false) => by_ids(by_id, present)?,
    };
    for (row, description) in described {
        let mut row = row.into_active_model();
        row.description = Set(description);
        row.update(tx.db()).await?;
    }
    Ok(())
}

async fn by_permissions(
    tx: &Tx,
    group: &security_group::Model,
    asked: &Asked<'_>,
    present: Vec<security_group_rule::Model>,
) -> Outcome<Described> {
    let mut present = present.into_iter().map(|row| Ok((rule(&row)?.spec, row))).collect::<Result<Vec<_>, Fault>>()?;
    let mut described = Vec::new();
    for wanted in read(tx, group, asked, Reach::OrNamed).await? {
        let at = present.iter().position(|(spec, _)| *spec == wanted.spec).ok_or_else(no_such_rule)?;
        described.push((present.swap_remove(at).1, wanted.description));
    }
    Ok(described)
}

fn by_ids(given: &[ec2::SecurityGroupRuleDescription], mut present: Vec<security_group_rule::Model>) -> Result<Described, Fault> {
    let mut described = Vec::new();
    for one in given {
        let id = one.security_group_rule_id.as_deref().ok_or_else(|| missing("SecurityGroupRuleDescription.N.SecurityGroupRuleId"))?;
        SECURITY_GROUP_RULE.check(id)?;
        let at = present.iter().position(|row| row.security_group_rule_id == id).ok_or_else(|| SECURITY_GROUP_RULE.absent(id))?;
        described.push((present.swap_remove(at), one.description.as_deref().map(|text| check_description("rule", text)).transpose()?));
    }
    Ok(described)
}
