//! `DetachInternetGateway`. Refused while an interface of the VPC has a public address.

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect, QueryTrait, Set};

use super::attach_internet_gateway::named;
use crate::engine::Command;
use crate::network::restate;
use crate::store::{Outcome, Tx, network_interface, public_address};

impl Command for ec2::DetachInternetGatewayRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::DependencyViolation,
        ErrorCode::GatewayNotAttached,
        ErrorCode::InvalidInternetGatewayIdMalformed,
        ErrorCode::InvalidInternetGatewayIdNotFound,
        ErrorCode::InvalidVpcIdMalformed,
        ErrorCode::InvalidVpcIdNotFound,
        ErrorCode::MissingParameter,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<()> {
        let (gateway, vpc) = named(tx, &self.internet_gateway_id, &self.vpc_id).await?;
        if gateway.vpc_id.as_ref() != Some(&vpc.vpc_id) {
            let message = format!("resource {} is not attached to network {}", gateway.internet_gateway_id, vpc.vpc_id);
            return Err(Fault::new(ErrorCode::GatewayNotAttached, message).into());
        }
        let inside = network_interface::Entity::find().select_only().column(network_interface::Column::NetworkInterfaceId);
        let inside = inside.filter(network_interface::Column::VpcId.eq(&vpc.vpc_id)).into_query();
        let mapped = public_address::Entity::find().filter(public_address::Column::NetworkInterfaceId.in_subquery(inside));
        if mapped.one(tx.db()).await?.is_some() {
            let message = format!(
                "Network {} has some mapped public address(es). Please unmap those public address(es) before detaching the gateway.",
                vpc.vpc_id
            );
            return Err(Fault::new(ErrorCode::DependencyViolation, message).into());
        }
        let mut gateway = gateway.into_active_model();
        gateway.vpc_id = Set(None);
        gateway.update(tx.db()).await?;
        restate(tx, &vpc.vpc_id).await
    }
}
