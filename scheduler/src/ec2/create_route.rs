//! `CreateRoute`.

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::route_asked::{Asked, Given};
use crate::engine::Command;
use crate::network::prefix_list::weight;
use crate::network::restate;
use crate::network::route::{MOST_ROUTES, Place, insert, list_of};
use crate::store::{Outcome, Tx, route};

impl Command for ec2::CreateRouteRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::IncorrectInstanceState,
        ErrorCode::InvalidGatewayIdNotFound,
        ErrorCode::InvalidInstanceId,
        ErrorCode::InvalidInstanceIdMalformed,
        ErrorCode::InvalidInstanceIdNotFound,
        ErrorCode::InvalidNatGatewayIdNotFound,
        ErrorCode::InvalidNetworkInterfaceIdMalformed,
        ErrorCode::InvalidNetworkInterfaceIdNotFound,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
        ErrorCode::InvalidPrefixListIdMalformed,
        ErrorCode::InvalidPrefixListIdNotFound,
        ErrorCode::InvalidRouteTableIdMalformed,
        ErrorCode::InvalidRouteTableIdNotFound,
        ErrorCode::InvalidVpcPeeringConnectionIdMalformed,
        ErrorCode::InvalidVpcPeeringConnectionIdNotFound,
        ErrorCode::MissingParameter,
        ErrorCode::RouteAlreadyExists,
        ErrorCode::RouteLimitExceeded,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::CreateRouteResult> {
        let Asked { table, destination, place, target } = Given::from(&self).read(tx).await?;
        let key = (table.route_table_id.clone(), destination.to_string());
        let (Some(target), false, None) = (target, place == Place::Vpc, route::Entity::find_by_id(key.clone()).one(tx.db()).await?) else {
            let message = format!("The route identified by {destination} already exists.");
            return Err(Fault::new(ErrorCode::RouteAlreadyExists, message).into());
        };
        let of_table = route::Entity::find().filter(route::Column::RouteTableId.eq(&table.route_table_id));
        let there = of_table.all(tx.db()).await?;
        let named = there.iter().map(|row| row.destination.as_str()).chain([key.1.as_str()]).map(list_of);
        if weight(tx, named).await? > MOST_ROUTES {
            let message = format!("A route table has at most {MOST_ROUTES} routes. Delete some of '{}' first.", table.route_table_id);
            return Err(Fault::new(ErrorCode::RouteLimitExceeded, message).into());
        }
        insert(tx, (table.route_table_id, table.account_id), destination, target).await?;
        restate(tx, &table.vpc_id).await?;
        Ok(ec2::CreateRouteResult { r#return: Some(true) })
    }
}
