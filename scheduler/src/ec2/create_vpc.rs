//! `CreateVpc`.

use std::sync::Arc;

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};

use super::create_tags::insert_tags;
use super::message::{self, missing};
use super::resolve::VPC;
use crate::engine::Command;
use crate::network::{cidr, dhcp, vpc};
use crate::store::read::networks::VpcView;
use crate::store::{Outcome, Tx, vpc as vpc_row};

impl Command for ec2::CreateVpcRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidParameterValue,
        ErrorCode::InvalidVpcRange,
        ErrorCode::MissingParameter,
        ErrorCode::TagLimitExceeded,
        ErrorCode::VpcLimitExceeded,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::CreateVpcResult> {
        let block = self.cidr_block.as_deref().filter(|block| !block.is_empty()).ok_or_else(|| missing("cidrBlock"))?;
        let cidr_block = cidr::of_vpc(block)?;
        let tags = message::tags_on_create(VPC.resource_type, &self.tag_specifications)?;
        let of_account = vpc_row::Entity::find().filter(vpc_row::Column::AccountId.eq(tx.account()));
        if of_account.count(tx.db()).await? >= vpc::MOST {
            let message = format!("An account has at most {} VPCs. Delete some first.", vpc::MOST);
            return Err(Fault::new(ErrorCode::VpcLimitExceeded, message).into());
        }
        let dhcp_options_id = dhcp::default_set(tx, tx.account()).await?.dhcp_options_id;
        let new = vpc::New { cidr_block, is_default: false, enable_dns_hostnames: false, dhcp_options_id };
        let row = vpc::create(tx, new).await?;
        insert_tags(tx, &row.vpc_id, VPC.resource_type, &tags).await?;
        let view = VpcView { vpc: Arc::new(row), tags, other_blocks: Vec::new() };
        Ok(ec2::CreateVpcResult { vpc: Some((&view).into()) })
    }
}
