//! `ReplaceRouteTableAssociation`: another table for a subnet, or another main one. The association is a new one.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;
use freehold_proto::id::RouteTableAssociationId;
use sea_orm::{ActiveModelTrait, IntoActiveModel, ModelTrait};

use super::message::missing;
use super::model::route_table::associated;
use super::resolve::{ROUTE_TABLE, ROUTE_TABLE_ASSOCIATION};
use super::run_instances::invalid;
use crate::engine::Command;
use crate::network::restate;
use crate::store::{Outcome, Tx, route_table, route_table_association};

impl Command for ec2::ReplaceRouteTableAssociationRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidAssociationIdMalformed,
        ErrorCode::InvalidAssociationIdNotFound,
        ErrorCode::InvalidParameterValue,
        ErrorCode::InvalidRouteTableIdMalformed,
        ErrorCode::InvalidRouteTableIdNotFound,
        ErrorCode::MissingParameter,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::ReplaceRouteTableAssociationResult> {
        if self.association_id.is_empty() {
            return Err(missing("associationId").into());
        }
        if self.route_table_id.is_empty() {
            return Err(missing("routeTableId").into());
        }
        let old = ROUTE_TABLE_ASSOCIATION.own::<route_table_association::Entity>(tx, &self.association_id).await?;
        let table = ROUTE_TABLE.own::<route_table::Entity>(tx, &self.route_table_id).await?;
        if table.vpc_id != old.vpc_id {
            let message =
                format!("Route table {} and association {} belong to different networks", table.route_table_id, old.association_id);
            return Err(invalid(message).into());
        }
        let new = route_table_association::Model {
            association_id: RouteTableAssociationId::draw(tx.entropy()).into(),
            route_table_id: table.route_table_id,
            created: tx.now(),
            ..old.clone()
        };
        // A VPC has one main table, and a subnet one of its own: the database holds to it.
        old.delete(tx.db()).await?;
        let new = new.into_active_model().insert(tx.db()).await?;
        restate(tx, &new.vpc_id).await?;
        let new_association_id = Some(new.association_id);
        Ok(ec2::ReplaceRouteTableAssociationResult { new_association_id, association_state: Some(associated()) })
    }
}
