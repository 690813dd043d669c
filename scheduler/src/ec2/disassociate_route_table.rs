//! `DisassociateRouteTable`: the main table is the subnet's again.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;
use sea_orm::ModelTrait;

use super::message::missing;
use super::resolve::ROUTE_TABLE_ASSOCIATION;
use super::run_instances::invalid;
use crate::engine::Command;
use crate::network::restate;
use crate::store::{Outcome, Tx, route_table_association};

impl Command for ec2::DisassociateRouteTableRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidAssociationIdMalformed,
        ErrorCode::InvalidAssociationIdNotFound,
        ErrorCode::InvalidParameterValue,
        ErrorCode::MissingParameter,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<()> {
        if self.association_id.is_empty() {
            return Err(missing("associationId").into());
        }
        let row = ROUTE_TABLE_ASSOCIATION.own::<route_table_association::Entity>(tx, &self.association_id).await?;
        if row.subnet_id.is_none() {
            return Err(invalid(format!("cannot disassociate the main route table association {}", row.association_id)).into());
        }
        let vpc_id = row.vpc_id.clone();
        row.delete(tx.db()).await?;
        restate(tx, &vpc_id).await
    }
}
