//! `UnassignPrivateNatGatewayAddress`: private addresses leave a private NAT gateway, when their connections had time to end.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::message::missing;
use super::nat_gateway_addresses::{answer, changeable, distinct, drain_millis};
use super::run_instances::invalid;
use crate::engine::Command;
use crate::network::nat::{PRIVATE, address};
use crate::store::{Outcome, Tx};

impl Command for ec2::UnassignPrivateNatGatewayAddressRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::IncorrectState,
        ErrorCode::InvalidParameterValue,
        ErrorCode::MissingParameter,
        ErrorCode::NatGatewayMalformed,
        ErrorCode::NatGatewayNotFound,
        ErrorCode::OperationInProgress,
        ErrorCode::OperationNotPermitted,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::UnassignPrivateNatGatewayAddressResult> {
        if self.private_ip_addresses.is_empty() {
            return Err(missing("privateIpAddress").into());
        }
        let drain = drain_millis(self.max_drain_duration_seconds)?;
        distinct(&self.private_ip_addresses, "PrivateIpAddress")?;
        let (gateway, has) = changeable(tx, &self.nat_gateway_id, PRIVATE).await?;
        for address in &self.private_ip_addresses {
            if gateway.private_ip_address == *address {
                let message = format!("{address} is the primary address of {} and stays. Name secondary ones.", gateway.nat_gateway_id);
                return Err(invalid(message).into());
            }
            if !has.iter().any(|row| row.private_ip_address == *address) {
                let message = format!("The NAT gateway {} has no secondary address {address}.", gateway.nat_gateway_id);
                return Err(invalid(message).into());
            }
        }
        let going = has.into_iter().filter(|row| self.private_ip_addresses.contains(&row.private_ip_address)).collect();
        let going = address::drain(tx, gateway.clone(), going, drain).await?;
        let nat_gateway_addresses = answer(&gateway, &going);
        Ok(ec2::UnassignPrivateNatGatewayAddressResult { nat_gateway_id: Some(gateway.nat_gateway_id), nat_gateway_addresses })
    }
}
