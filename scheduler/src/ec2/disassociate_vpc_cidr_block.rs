//! `DisassociateVpcCidrBlock`. A VPC's first block stays as long as the VPC.

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ColumnTrait, EntityTrait, ModelTrait, QueryFilter};

use super::message::missing;
use super::model::vpc::cidr_block_association;
use super::resolve::VPC_CIDR_ASSOCIATION;
use crate::engine::Command;
use crate::network::{cidr, restate, route, subnet};
use crate::store::{Outcome, Tx, vpc, vpc_cidr_block};

impl Command for ec2::DisassociateVpcCidrBlockRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidCidrBlockInUse,
        ErrorCode::InvalidVpcCidrBlockAssociationIdMalformed,
        ErrorCode::InvalidVpcCidrBlockAssociationIdNotFound,
        ErrorCode::MissingParameter,
        ErrorCode::OperationNotPermitted,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::DisassociateVpcCidrBlockResult> {
        if self.association_id.is_empty() {
            return Err(missing("associationId").into());
        }
        refuse_first(tx, &self.association_id).await?;
        let row = VPC_CIDR_ASSOCIATION.own::<vpc_cidr_block::Entity>(tx, &self.association_id).await?;
        let block = cidr::stored(&row.cidr_block)?;
        for other in subnet::in_vpc(tx, &row.vpc_id).await? {
            if block.contains(&cidr::stored(&other.cidr_block)?) {
                let message = format!("The CIDR block '{block}' is in use: '{}' is in it. Delete its subnets first.", other.subnet_id);
                return Err(Fault::new(ErrorCode::InvalidCidrBlockInUse, message).into());
            }
        }
        row.clone().delete(tx.db()).await?;
        // What took its local route's place goes with that.
        route::delete_in_vpc(tx, &row.vpc_id, &row.cidr_block).await?;
        restate(tx, &row.vpc_id).await?;
        let cidr_block_association = Some(cidr_block_association(&row, false));
        Ok(ec2::DisassociateVpcCidrBlockResult { vpc_id: Some(row.vpc_id), cidr_block_association, ..Default::default() })
    }
}

async fn refuse_first(tx: &Tx, association_id: &str) -> Outcome<()> {
    let of_account = vpc::Entity::find().filter(vpc::Column::AccountId.eq(tx.account()));
    if of_account.filter(vpc::Column::CidrAssociationId.eq(association_id)).one(tx.db()).await?.is_none() {
        return Ok(());
    }
    let message = format!(
        "The vpc CIDR block with association ID {association_id} may not be disassociated. It is the primary IPv4 CIDR block of the VPC"
    );
    Err(Fault::new(ErrorCode::OperationNotPermitted, message).into())
}
