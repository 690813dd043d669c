//! `AssociateRouteTable`: a subnet gets a table in place of the main one.

use freehold_proto::aws::ec2;
use freehold_proto::id::RouteTableAssociationId;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};

use super::message::missing;
use super::model::route_table::associated;
use super::resolve::{ROUTE_TABLE, SUBNET};
use super::run_instances::invalid;
use crate::engine::Command;
use crate::network::restate;
use crate::store::{Outcome, Tx, route_table, route_table_association, subnet};

impl Command for ec2::AssociateRouteTableRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidParameterValue,
        ErrorCode::InvalidRouteTableIdMalformed,
        ErrorCode::InvalidRouteTableIdNotFound,
        ErrorCode::InvalidSubnetIdMalformed,
        ErrorCode::InvalidSubnetIdNotFound,
        ErrorCode::MissingParameter,
        ErrorCode::ResourceAlreadyAssociated,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::AssociateRouteTableResult> {
        if self.route_table_id.is_empty() {
            return Err(missing("routeTableId").into());
        }
        let subnet_id = self.subnet_id.as_deref().filter(|id| !id.is_empty()).ok_or_else(|| missing("subnetId"))?;
        let table = ROUTE_TABLE.own::<route_table::Entity>(tx, &self.route_table_id).await?;
        let subnet = SUBNET.own::<subnet::Entity>(tx, subnet_id).await?;
        if table.vpc_id != subnet.vpc_id {
            let message = format!("Route table {} and subnet {} belong to different networks", table.route_table_id, subnet.subnet_id);
            return Err(invalid(message).into());
        }
        let association_id = associate(tx, table, subnet).await?;
        Ok(ec2::AssociateRouteTableResult { association_id: Some(association_id), association_state: Some(associated()) })
    }
}

/// What is so already stays so.
async fn associate(tx: &mut Tx, table: route_table::Model, subnet: subnet::Model) -> Outcome<String> {
    use route_table_association::{Column, Entity, Model};
    if let Some(there) = Entity::find().filter(Column::SubnetId.eq(&subnet.subnet_id)).one(tx.db()).await? {
        if there.route_table_id == table.route_table_id {
            return Ok(there.association_id);
        }
        let message = format!(
            "the specified association for route table {} conflicts with an existing association: {} has {} by {}",
            table.route_table_id, subnet.subnet_id, there.route_table_id, there.association_id
        );
        return Err(Fault::new(ErrorCode::ResourceAlreadyAssociated, message).into());
    }
    let row = Model {
        association_id: RouteTableAssociationId::draw(tx.entropy()).into(),
        account_id: table.account_id,
        route_table_id: table.route_table_id,
        vpc_id: table.vpc_id,
        subnet_id: Some(subnet.subnet_id),
        created: tx.now(),
    };
    let row = row.into_active_model().insert(tx.db()).await?;
    restate(tx, &row.vpc_id).await?;
    Ok(row.association_id)
}
