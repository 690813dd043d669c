//! `CreateNatGateway`: pending until its host passes packets on. One whose subnet has no way out, or whose address is somewhere else, has failed.

use std::sync::Arc;

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};

use super::create_tags::insert_tags;
use super::message::{self, missing};
use super::resolve::{ELASTIC_ADDRESS, NAT_GATEWAY, SUBNET};
use super::run_instances::{combination, invalid};
use super::shown::Shows;
use crate::engine::Command;
use crate::network::nat::{self, PRIVATE, PUBLIC};
use crate::store::read::resources::Tagged;
use crate::store::{Outcome, Tx, elastic_address, nat_gateway, subnet};

impl Command for ec2::CreateNatGatewayRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InsufficientFreeAddressesInSubnet,
        ErrorCode::InvalidAllocationIdMalformed,
        ErrorCode::InvalidAllocationIdNotFound,
        ErrorCode::InvalidIpAddressInUse,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
        ErrorCode::InvalidSubnetIdMalformed,
        ErrorCode::InvalidSubnetIdNotFound,
        ErrorCode::MissingParameter,
        ErrorCode::NatGatewayLimitExceeded,
        ErrorCode::TagLimitExceeded,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::CreateNatGatewayResult> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let subnet_id = given(&self.subnet_id).ok_or_else(|| missing("subnetId"))?;
        let allocation_id = allocation(given(&self.connectivity_type).as_deref(), given(&self.allocation_id))?;
        let tags = message::tags_on_create(NAT_GATEWAY.resource_type, &self.tag_specifications)?;
        let subnet = SUBNET.own::<subnet::Entity>(tx, &subnet_id).await?;
        let address = match allocation_id {
            Some(id) => Some(ELASTIC_ADDRESS.own::<elastic_address::Entity>(tx, &id).await?),
            None => None,
        };
        let standing = nat_gateway::Entity::find().filter(nat_gateway::Column::AccountId.eq(tx.account()));
        if standing.filter(nat_gateway::Column::Ended.is_null()).count(tx.db()).await? >= nat::MOST {
            let message = format!("An account has at most {} NAT gateways. Delete some first.", nat::MOST);
            return Err(Fault::new(ErrorCode::NatGatewayLimitExceeded, message).into());
        }
        let private = given(&self.private_ip_address);
        let row = nat::create(tx, nat::New { subnet: &subnet, address, private: private.as_deref() }).await?;
        insert_tags(tx, &row.nat_gateway_id, NAT_GATEWAY.resource_type, &tags).await?;
        let nat_gateway = Some(Tagged { item: Arc::new(row), tags }.message(tx.settings())?);
        Ok(ec2::CreateNatGatewayResult { client_token: self.client_token, nat_gateway })
    }
}

/// The address of a public gateway, which is what one is unless it says otherwise; a private one has none.
fn allocation(connectivity: Option<&str>, allocation_id: Option<String>) -> Result<Option<String>, Fault> {
    match (connectivity.unwrap_or(PUBLIC), allocation_id) {
        (PUBLIC, None) => Err(missing("allocationId")),
        (PRIVATE, None) => Ok(None),
        (PUBLIC, allocation) => Ok(allocation),
        (PRIVATE, Some(_)) => Err(combination("A private NAT gateway has no Elastic IP address. Leave AllocationId out.")),
        (other, _) => Err(invalid(format!("Value ({other}) for parameter connectivityType is invalid. It is public or private."))),
    }
}
