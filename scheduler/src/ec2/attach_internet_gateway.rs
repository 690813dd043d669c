//! `AttachInternetGateway`: one gateway, one VPC.

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, Set};

use super::message::missing;
use super::resolve::{INTERNET_GATEWAY, VPC};
use super::run_instances::invalid;
use crate::engine::Command;
use crate::network::restate;
use crate::store::{Outcome, Tx, internet_gateway, vpc};

impl Command for ec2::AttachInternetGatewayRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidInternetGatewayIdMalformed,
        ErrorCode::InvalidInternetGatewayIdNotFound,
        ErrorCode::InvalidParameterValue,
        ErrorCode::InvalidVpcIdMalformed,
        ErrorCode::InvalidVpcIdNotFound,
        ErrorCode::MissingParameter,
        ErrorCode::ResourceAlreadyAssociated,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<()> {
        let (gateway, vpc) = named(tx, &self.internet_gateway_id, &self.vpc_id).await?;
        if let Some(attached) = &gateway.vpc_id {
            let message = format!("resource {} is already attached to network {attached}", gateway.internet_gateway_id);
            return Err(Fault::new(ErrorCode::ResourceAlreadyAssociated, message).into());
        }
        let of_vpc = internet_gateway::Entity::find().filter(internet_gateway::Column::VpcId.eq(&vpc.vpc_id));
        if of_vpc.one(tx.db()).await?.is_some() {
            return Err(invalid(format!("Network {} already has an internet gateway attached", vpc.vpc_id)).into());
        }
        let mut gateway = gateway.into_active_model();
        gateway.vpc_id = Set(Some(vpc.vpc_id.clone()));
        gateway.update(tx.db()).await?;
        restate(tx, &vpc.vpc_id).await
    }
}

/// The caller's gateway and VPC.
pub async fn named(tx: &Tx, gateway: &str, vpc: &str) -> Outcome<(internet_gateway::Model, vpc::Model)> {
    if gateway.is_empty() {
        return Err(missing("internetGatewayId").into());
    }
    if vpc.is_empty() {
        return Err(missing("vpcId").into());
    }
    let gateway = INTERNET_GATEWAY.own::<internet_gateway::Entity>(tx, gateway).await?;
    Ok((gateway, VPC.own::<vpc::Entity>(tx, vpc).await?))
}
