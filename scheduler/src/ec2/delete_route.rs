//! `DeleteRoute`. The local routes stay as long as the VPC's blocks.

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{EntityTrait, ModelTrait};

use super::message::missing;
use super::resolve::{PREFIX_LIST, ROUTE_TABLE};
use super::route_destination::Given;
use super::run_instances::invalid;
use crate::engine::Command;
use crate::network::endpoint::check_not_of_endpoint;
use crate::network::{cidr, restate, vpc as network_vpc};
use crate::store::{Outcome, Tx, route, route_table, vpc};

impl Command for ec2::DeleteRouteRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
        ErrorCode::InvalidPrefixListIdMalformed,
        ErrorCode::InvalidRouteNotFound,
        ErrorCode::InvalidRouteTableIdMalformed,
        ErrorCode::InvalidRouteTableIdNotFound,
        ErrorCode::MissingParameter,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<()> {
        if self.route_table_id.is_empty() {
            return Err(missing("routeTableId").into());
        }
        let given = Given::of(self.destination_cidr_block.as_deref(), self.destination_prefix_list_id.as_deref())?;
        let (destination, kind) = match given {
            Given::Block(text) => (cidr::parse("destinationCidrBlock", text)?.to_string(), "cidr-block"),
            Given::List(id) => (PREFIX_LIST.check(id).map(|()| id.to_owned())?, "prefix-list-id"),
        };
        let table = ROUTE_TABLE.own::<route_table::Entity>(tx, &self.route_table_id).await?;
        check_not_local(tx, &table, &destination).await?;
        let key = (table.route_table_id.clone(), destination.clone());
        let row = route::Entity::find_by_id(key).one(tx.db()).await?.ok_or_else(|| {
            let message = format!("no route with destination-{kind} {destination} in route table {}", table.route_table_id);
            Fault::new(ErrorCode::InvalidRouteNotFound, message)
        })?;
        check_not_of_endpoint(&row, "remove")?;
        row.delete(tx.db()).await?;
        restate(tx, &table.vpc_id).await
    }
}

async fn check_not_local(tx: &Tx, table: &route_table::Model, destination: &str) -> Outcome<()> {
    let vpc = vpc::Entity::find_by_id(&table.vpc_id).one(tx.db()).await?;
    let vpc = vpc.ok_or_else(|| Fault::internal("a route table has no VPC", table.vpc_id.clone()))?;
    if network_vpc::blocks(tx, &vpc).await?.iter().any(|block| block.to_string() == destination) {
        return Err(invalid(format!("cannot remove local route {destination} in route table {}", table.route_table_id)).into());
    }
    Ok(())
}
