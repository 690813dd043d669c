//! `DeleteSecurityGroup`. Refused while an interface has the group or a rule of another group of its VPC names it.

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect, QueryTrait};

use super::group_rules::find;
use crate::engine::Command;
use crate::lifecycle::terminate::bury_group;
use crate::network::group;
use crate::security_group::DEFAULT;
use crate::store::{Outcome, Tx, interface_security_group, security_group, security_group_rule};

impl Command for ec2::DeleteSecurityGroupRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::CannotDelete,
        ErrorCode::DependencyViolation,
        ErrorCode::InvalidGroupIdMalformed,
        ErrorCode::InvalidGroupNotFound,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::MissingParameter,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::DeleteSecurityGroupResult> {
        let row = find(tx, self.group_id.as_deref(), self.group_name.as_deref()).await?;
        let group_id = row.group_id.clone();
        if row.group_name == DEFAULT {
            let message = format!("the specified group: \"{group_id}\" name: \"{DEFAULT}\" cannot be deleted by a user");
            return Err(Fault::new(ErrorCode::CannotDelete, message).into());
        }
        if let Some(dependent) = dependent(tx, &row).await? {
            let message = format!("resource {group_id} has a dependent object: {dependent}. Change or delete that first.");
            return Err(Fault::new(ErrorCode::DependencyViolation, message).into());
        }
        bury_group(tx, &row).await?;
        group::delete(tx, row).await?;
        Ok(ec2::DeleteSecurityGroupResult { r#return: Some(true), group_id: Some(group_id) })
    }
}

/// What still needs the group.
async fn dependent(tx: &Tx, row: &security_group::Model) -> Outcome<Option<String>> {
    let member = interface_security_group::Entity::find().filter(interface_security_group::Column::GroupId.eq(&row.group_id));
    if let Some(member) = member.one(tx.db()).await? {
        return Ok(Some(member.network_interface_id));
    }
    let naming = security_group_rule::Entity::find()
        .filter(security_group_rule::Column::ReferencedGroupId.eq(&row.group_id))
        .filter(security_group_rule::Column::GroupId.ne(&row.group_id));
    // Whoever is beyond a peering connection has no say.
    let of_vpc = security_group::Entity::find().select_only().column(security_group::Column::GroupId);
    let of_vpc = of_vpc.filter(security_group::Column::VpcId.eq(&row.vpc_id)).into_query();
    let naming = naming.filter(security_group_rule::Column::GroupId.in_subquery(of_vpc)).one(tx.db()).await?;
    Ok(naming.map(|rule| format!("{} of {}", rule.security_group_rule_id, rule.group_id)))
}
