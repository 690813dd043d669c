//! `CreateSecurityGroup`.

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};

use super::create_tags::insert_tags;
use super::message::{self, missing};
use super::model::security_group::arn;
use super::resolve::{SECURITY_GROUP, VPC};
use crate::engine::Command;
use crate::network::{default, group};
use crate::security_group::{MOST, check_description, check_name};
use crate::store::{Kind, Outcome, Tx, security_group, vpc};

impl Command for ec2::CreateSecurityGroupRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidGroupDuplicate,
        ErrorCode::InvalidParameterValue,
        ErrorCode::InvalidVpcIdMalformed,
        ErrorCode::InvalidVpcIdNotFound,
        ErrorCode::MissingParameter,
        ErrorCode::SecurityGroupLimitExceeded,
        ErrorCode::TagLimitExceeded,
        ErrorCode::VpcIdNotSpecified,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::CreateSecurityGroupResult> {
        for (text, parameter) in [(&self.group_name, "GroupName"), (&self.description, "GroupDescription")] {
            if text.is_empty() {
                return Err(missing(parameter).into());
            }
        }
        let name = check_name(&self.group_name)?;
        let description = check_description("security group", &self.description)?;
        let tags = message::tags_on_create(SECURITY_GROUP.resource_type, &self.tag_specifications)?;
        let vpc = vpc_of(tx, self.vpc_id.as_deref()).await?;
        refuse_taken(tx, &vpc.vpc_id, name).await?;
        let of_account = security_group::Entity::find().filter(security_group::Column::AccountId.eq(tx.account()));
        if of_account.count(tx.db()).await? >= MOST {
            let message = format!("An account has at most {MOST} security groups. Delete some first.");
            return Err(Fault::new(ErrorCode::SecurityGroupLimitExceeded, message).into());
        }
        let row = group::create(tx, &vpc, name, &description).await?;
        insert_tags(tx, &row.group_id, SECURITY_GROUP.resource_type, &tags).await?;
        tx.changed(Kind::SecurityGroup, &row.group_id);
        Ok(ec2::CreateSecurityGroupResult {
            security_group_arn: Some(arn(&tx.settings().region, &row.account_id, &row.group_id)),
            group_id: Some(row.group_id),
            tags: message::tags(&tags),
        })
    }
}

/// The VPC that a request names, or the default one.
async fn vpc_of(tx: &Tx, id: Option<&str>) -> Outcome<vpc::Model> {
    if let Some(id) = id.filter(|id| !id.is_empty()) {
        return VPC.own::<vpc::Entity>(tx, id).await;
    }
    let none = || Fault::new(ErrorCode::VpcIdNotSpecified, "No default VPC for this user. Name a VPC.");
    Ok(default::of_account(tx).await?.ok_or_else(none)?)
}

/// Two groups of a VPC do not differ in the case of their names alone.
async fn refuse_taken(tx: &Tx, vpc_id: &str, name: &str) -> Outcome<()> {
    let there = security_group::Entity::find().filter(security_group::Column::VpcId.eq(vpc_id)).all(tx.db()).await?;
    if there.iter().any(|row| row.group_name.eq_ignore_ascii_case(name)) {
        let message = format!("The security group '{name}' already exists for VPC '{vpc_id}'");
        return Err(Fault::new(ErrorCode::InvalidGroupDuplicate, message).into());
    }
    Ok(())
}
