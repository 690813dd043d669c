//! `AssignPrivateNatGatewayAddress`: more private addresses for a private NAT gateway, named or drawn.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::message::missing;
use super::nat_gateway_addresses::{answer, changeable, count, distinct, within_limit};
use super::resolve::SUBNET;
use super::run_instances::combination;
use crate::engine::Command;
use crate::network::nat::PRIVATE;
use crate::network::nat::address::{self, Wanted};
use crate::store::{Outcome, Tx, subnet};

impl Command for ec2::AssignPrivateNatGatewayAddressRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::IncorrectState,
        ErrorCode::InsufficientFreeAddressesInSubnet,
        ErrorCode::InvalidIpAddressInUse,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
        ErrorCode::MissingParameter,
        ErrorCode::NatGatewayMalformed,
        ErrorCode::NatGatewayNotFound,
        ErrorCode::OperationInProgress,
        ErrorCode::OperationNotPermitted,
        ErrorCode::PrivateIpAddressLimitExceeded,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::AssignPrivateNatGatewayAddressResult> {
        let drawn = match (self.private_ip_address_count, self.private_ip_addresses.as_slice()) {
            (Some(_), [_, ..]) => {
                let message = "The parameters privateIpAddressCount and privateIpAddress cannot be used together. Give one of the two.";
                return Err(combination(message).into());
            }
            (None, []) => return Err(missing("privateIpAddress or privateIpAddressCount").into()),
            (None, _) => 0,
            (asked, []) => count(asked, 1, "privateIpAddressCount")?,
        };
        distinct(&self.private_ip_addresses, "PrivateIpAddress")?;
        let (gateway, has) = changeable(tx, &self.nat_gateway_id, PRIVATE).await?;
        let wanted = Wanted { named: self.private_ip_addresses, drawn, ..Wanted::default() };
        within_limit(PRIVATE, 1 + has.len() + wanted.count())?;
        let subnet = SUBNET.own::<subnet::Entity>(tx, &gateway.subnet_id).await?;
        let added = address::add(tx, gateway.clone(), &subnet, wanted).await?;
        let nat_gateway_addresses = answer(&gateway, &added);
        Ok(ec2::AssignPrivateNatGatewayAddressResult { nat_gateway_id: Some(gateway.nat_gateway_id), nat_gateway_addresses })
    }
}
