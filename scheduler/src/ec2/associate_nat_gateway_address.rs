//! `AssociateNatGatewayAddress`: more Elastic IPs for a public NAT gateway, each with a private address of its own.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::message::missing;
use super::nat_gateway_addresses::{answer, changeable, elastic, within_limit};
use super::resolve::SUBNET;
use crate::engine::Command;
use crate::network::nat::{PUBLIC, address, refuse_associated};
use crate::store::{Outcome, Tx, subnet};

impl Command for ec2::AssociateNatGatewayAddressRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::AddressLimitExceeded,
        ErrorCode::GatewayNotAttached,
        ErrorCode::IncorrectState,
        ErrorCode::InsufficientFreeAddressesInSubnet,
        ErrorCode::InvalidAllocationIdMalformed,
        ErrorCode::InvalidAllocationIdNotFound,
        ErrorCode::InvalidIpAddressInUse,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
        ErrorCode::MissingParameter,
        ErrorCode::NatGatewayMalformed,
        ErrorCode::NatGatewayNotFound,
        ErrorCode::OperationInProgress,
        ErrorCode::OperationNotPermitted,
        ErrorCode::ResourceAlreadyAssociated,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::AssociateNatGatewayAddressResult> {
        if self.allocation_ids.is_empty() {
            return Err(missing("allocationId").into());
        }
        let (gateway, has) = changeable(tx, &self.nat_gateway_id, PUBLIC).await?;
        let wanted = elastic(tx, &self.allocation_ids, self.private_ip_addresses).await?;
        wanted.elastic.iter().try_for_each(refuse_associated)?;
        within_limit(PUBLIC, 1 + has.len() + wanted.count())?;
        let subnet = SUBNET.own::<subnet::Entity>(tx, &gateway.subnet_id).await?;
        let added = address::add(tx, gateway.clone(), &subnet, wanted).await?;
        let nat_gateway_addresses = answer(&gateway, &added);
        Ok(ec2::AssociateNatGatewayAddressResult { nat_gateway_id: Some(gateway.nat_gateway_id), nat_gateway_addresses })
    }
}
