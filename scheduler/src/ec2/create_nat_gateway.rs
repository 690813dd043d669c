//! `CreateNatGateway`: pending until its host passes packets on. One whose subnet has no way out, or whose address is somewhere else, has failed.

use std::sync::Arc;

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};

use super::create_tags::insert_tags;
use super::message::{self, missing};
use super::nat_gateway_addresses::{count, distinct, elastic, within_limit};
use super::resolve::{ELASTIC_ADDRESS, NAT_GATEWAY, SUBNET};
use super::run_instances::{combination, invalid};
use super::shown::Shows;
use crate::engine::Command;
use crate::network::nat::address::{self, Wanted};
use crate::network::nat::{self, PRIVATE, PUBLIC};
use crate::store::read::resources::{NatGatewayView, Tagged};
use crate::store::{Outcome, Tx, elastic_address, nat_gateway, subnet};

impl Command for ec2::CreateNatGatewayRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::AddressLimitExceeded,
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
        ErrorCode::PrivateIpAddressLimitExceeded,
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
        let (private, secondary) = (given(&self.private_ip_address), secondary(tx, &self).await?);
        let row = nat::create(tx, nat::New { subnet: &subnet, address, private: private.as_deref(), secondary }).await?;
        insert_tags(tx, &row.nat_gateway_id, NAT_GATEWAY.resource_type, &tags).await?;
        let addresses = address::of(tx.db(), &row.nat_gateway_id).await?.into_iter().map(Arc::new).collect();
        let item = NatGatewayView { gateway: Arc::new(row), addresses };
        let nat_gateway = Some(Tagged { item, tags }.message(tx.settings())?);
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

/// The addresses beside the primary one: of a public gateway Elastic IPs, of a private one private addresses by name or number.
async fn secondary(tx: &Tx, request: &ec2::CreateNatGatewayRequest) -> Outcome<Wanted> {
    let (named, allocations) = (request.secondary_private_ip_addresses.clone(), &request.secondary_allocation_ids);
    let drawn = count(request.secondary_private_ip_address_count, 0, "secondaryPrivateIpAddressCount")?;
    let public = request.connectivity_type.as_deref() != Some(PRIVATE);
    let refused = match (public, drawn, named.is_empty(), allocations.is_empty()) {
        (true, 1.., ..) => "SecondaryPrivateIpAddressCount is for private NAT gateways. Give SecondaryAllocationId instead.",
        (false, .., false) => "A private NAT gateway has no Elastic IP address. Leave SecondaryAllocationId out.",
        (false, 1.., false, _) => {
            "SecondaryPrivateIpAddressCount and SecondaryPrivateIpAddress cannot be used together. Give one of the two."
        }
        _ => "",
    };
    if !refused.is_empty() {
        return Err(combination(refused).into());
    }
    let own = request.allocation_id.iter().chain(allocations).cloned().collect::<Vec<_>>();
    distinct(&own, "SecondaryAllocationId")?;
    let chosen = request.private_ip_address.iter().chain(&named).filter(|address| !address.is_empty()).cloned().collect::<Vec<_>>();
    distinct(&chosen, "SecondaryPrivateIpAddress")?;
    let wanted = if public { elastic(tx, allocations, named).await? } else { Wanted { named, drawn, ..Wanted::default() } };
    within_limit(if public { PUBLIC } else { PRIVATE }, 1 + wanted.count())?;
    Ok(wanted)
}
