//! `DisassociateNatGatewayAddress`: Elastic IPs leave a public NAT gateway, with their private addresses, when their connections had time to end.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::message::missing;
use super::nat_gateway_addresses::{answer, changeable, distinct, drain_millis};
use super::resolve::ELASTIC_ADDRESS_ASSOCIATION;
use super::run_instances::invalid;
use crate::engine::Command;
use crate::network::nat::{PUBLIC, address};
use crate::store::{Outcome, Tx};

impl Command for ec2::DisassociateNatGatewayAddressRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::IncorrectState,
        ErrorCode::InvalidAssociationIdMalformed,
        ErrorCode::InvalidAssociationIdNotFound,
        ErrorCode::InvalidParameterValue,
        ErrorCode::MissingParameter,
        ErrorCode::NatGatewayMalformed,
        ErrorCode::NatGatewayNotFound,
        ErrorCode::OperationInProgress,
        ErrorCode::OperationNotPermitted,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::DisassociateNatGatewayAddressResult> {
        if self.association_ids.is_empty() {
            return Err(missing("associationId").into());
        }
        let drain = drain_millis(self.max_drain_duration_seconds)?;
        self.association_ids.iter().try_for_each(|id| ELASTIC_ADDRESS_ASSOCIATION.check(id))?;
        distinct(&self.association_ids, "AssociationId")?;
        let (gateway, has) = changeable(tx, &self.nat_gateway_id, PUBLIC).await?;
        for id in &self.association_ids {
            if gateway.association_id.as_ref() == Some(id) {
                let message = format!("{id} is the primary address of {} and stays. Name secondary ones.", gateway.nat_gateway_id);
                return Err(invalid(message).into());
            }
            if !has.iter().any(|row| row.association_id.as_ref() == Some(id)) {
                return Err(ELASTIC_ADDRESS_ASSOCIATION.absent(id).into());
            }
        }
        let named = |id: &Option<String>| id.as_ref().is_some_and(|id| self.association_ids.contains(id));
        let going = has.into_iter().filter(|row| named(&row.association_id)).collect();
        let going = address::drain(tx, gateway.clone(), going, drain).await?;
        let nat_gateway_addresses = answer(&gateway, &going);
        Ok(ec2::DisassociateNatGatewayAddressResult { nat_gateway_id: Some(gateway.nat_gateway_id), nat_gateway_addresses })
    }
}
