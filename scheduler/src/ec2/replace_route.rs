//! `ReplaceRoute`: the same destination, another target. The local route's too, which `local` brings back.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel, ModelTrait, Set};

use super::route_asked::{Asked, Given};
use super::run_instances::invalid;
use crate::engine::Command;
use crate::network::endpoint::check_not_of_endpoint;
use crate::network::restate;
use crate::network::route::{Place, insert};
use crate::store::{Outcome, Tx, route};

impl Command for ec2::ReplaceRouteRequest {
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
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<()> {
        let asked = Given::from(&self).or_local(self.local_target.unwrap_or_default()).read(tx).await?;
        let vpc_id = asked.table.vpc_id.clone();
        replace(tx, asked).await?;
        restate(tx, &vpc_id).await
    }
}

async fn replace(tx: &Tx, asked: Asked) -> Outcome<()> {
    let Asked { table, destination, place, target } = asked;
    let key = (table.route_table_id.clone(), destination.to_string());
    match (route::Entity::find_by_id(key).one(tx.db()).await?, target) {
        (Some(row), Some(target)) => {
            check_not_of_endpoint(&row, "replace")?;
            let mut row = row.into_active_model();
            row.target = Set(target);
            row.update(tx.db()).await?;
        }
        (Some(row), None) => _ = row.delete(tx.db()).await?,
        // The local route is no row, and another target makes it one.
        (None, Some(target)) if place == Place::Vpc => {
            insert(tx, (table.route_table_id, table.account_id), destination, target).await?;
        }
        (None, Some(_)) => {
            let message = format!("There is no route defined for '{destination}' in the route table. Use CreateRoute instead.");
            return Err(invalid(message).into());
        }
        (None, None) => {}
    }
    Ok(())
}
