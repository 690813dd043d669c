//! `DeleteRoute`. The local routes stay as long as the VPC's blocks.

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{EntityTrait, ModelTrait};

use super::message::missing;
use super::resolve::ROUTE_TABLE;
use super::run_instances::invalid;
use crate::engine::Command;
use crate::network::{cidr, restate, vpc as network_vpc};
use crate::store::{Outcome, Tx, route, route_table, vpc};

impl Command for ec2::DeleteRouteRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidParameterValue,
        ErrorCode::InvalidRouteNotFound,
        ErrorCode::InvalidRouteTableIdMalformed,
        ErrorCode::InvalidRouteTableIdNotFound,
        ErrorCode::MissingParameter,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<()> {
        if self.route_table_id.is_empty() {
            return Err(missing("routeTableId").into());
        }
        let destination =
            self.destination_cidr_block.as_deref().filter(|to| !to.is_empty()).ok_or_else(|| missing("destinationCidrBlock"))?;
        let destination = cidr::parse("destinationCidrBlock", destination)?;
        let table = ROUTE_TABLE.own::<route_table::Entity>(tx, &self.route_table_id).await?;
        let vpc = vpc::Entity::find_by_id(&table.vpc_id).one(tx.db()).await?;
        let vpc = vpc.ok_or_else(|| Fault::internal("a route table has no VPC", table.vpc_id.clone()))?;
        if network_vpc::blocks(tx, &vpc).await?.contains(&destination) {
            return Err(invalid(format!("cannot remove local route {destination} in route table {}", table.route_table_id)).into());
        }
        let key = (table.route_table_id.clone(), destination.to_string());
        let row = route::Entity::find_by_id(key).one(tx.db()).await?.ok_or_else(|| {
            let message = format!("no route with destination-cidr-block {destination} in route table {}", table.route_table_id);
            Fault::new(ErrorCode::InvalidRouteNotFound, message)
        })?;
        row.delete(tx.db()).await?;
        restate(tx, &table.vpc_id).await
    }
}
