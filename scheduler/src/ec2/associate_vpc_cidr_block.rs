//! `AssociateVpcCidrBlock`: a further block for a VPC.

use freehold_proto::aws::ec2;
use freehold_proto::id::VpcCidrAssociationId;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ActiveModelTrait, IntoActiveModel};

use super::message::missing;
use super::model::vpc::cidr_block_association;
use super::resolve::VPC;
use crate::engine::Command;
use crate::network::{cidr, peering, restate, route, vpc as network_vpc};
use crate::store::{Outcome, Tx, vpc, vpc_cidr_block};

/// With its first. Source: <https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html>.
const MOST: usize = 5;

impl Command for ec2::AssociateVpcCidrBlockRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidParameterValue,
        ErrorCode::InvalidVpcIdMalformed,
        ErrorCode::InvalidVpcIdNotFound,
        ErrorCode::InvalidVpcRange,
        ErrorCode::MissingParameter,
        ErrorCode::VpcCidrLimitExceeded,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::AssociateVpcCidrBlockResult> {
        if self.vpc_id.is_empty() {
            return Err(missing("vpcId").into());
        }
        let block = self.cidr_block.as_deref().filter(|block| !block.is_empty()).ok_or_else(|| missing("cidrBlock"))?;
        let vpc = VPC.own::<vpc::Entity>(tx, &self.vpc_id).await?;
        let has = network_vpc::blocks(tx, &vpc).await?;
        let block = cidr::of_vpc_besides(&has, block)?;
        if has.len() >= MOST {
            let message = format!("A VPC has at most {MOST} IPv4 CIDR blocks. Disassociate one of '{}' first.", vpc.vpc_id);
            return Err(Fault::new(ErrorCode::VpcCidrLimitExceeded, message).into());
        }
        if let Some(narrower) = route::within(tx, &vpc.vpc_id, &block).await? {
            let message = format!("The CIDR '{block}' holds the destination of a route of the VPC, '{narrower}'. Delete the route first.");
            return Err(Fault::new(ErrorCode::InvalidVpcRange, message).into());
        }
        if let Some(peering) = peering::overlapped(tx, &vpc.vpc_id, &block).await? {
            let id = peering.vpc_peering_connection_id;
            let message = format!("The CIDR '{block}' overlaps with that of the VPC at the other end of {id}.");
            return Err(Fault::new(ErrorCode::InvalidVpcRange, message).into());
        }
        let row = vpc_cidr_block::Model {
            association_id: VpcCidrAssociationId::draw(tx.entropy()).into(),
            account_id: vpc.account_id,
            vpc_id: vpc.vpc_id,
            cidr_block: block.to_string(),
            created: tx.now(),
        };
        let row = row.into_active_model().insert(tx.db()).await?;
        restate(tx, &row.vpc_id).await?;
        let cidr_block_association = Some(cidr_block_association(&row, true));
        Ok(ec2::AssociateVpcCidrBlockResult { vpc_id: Some(row.vpc_id), cidr_block_association, ..Default::default() })
    }
}
