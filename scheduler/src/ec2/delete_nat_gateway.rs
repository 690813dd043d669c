//! `DeleteNatGateway`: deleting until nothing of it is left on its host, and then shown for a while.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::message::missing;
use super::resolve::NAT_GATEWAY;
use crate::engine::Command;
use crate::network::nat;
use crate::store::{Outcome, Tx, nat_gateway};

impl Command for ec2::DeleteNatGatewayRequest {
    const ERRORS: &'static [ErrorCode] = &[ErrorCode::MissingParameter, ErrorCode::NatGatewayMalformed, ErrorCode::NatGatewayNotFound];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::DeleteNatGatewayResult> {
        if self.nat_gateway_id.is_empty() {
            return Err(missing("natGatewayId").into());
        }
        let row = NAT_GATEWAY.own::<nat_gateway::Entity>(tx, &self.nat_gateway_id).await?;
        let row = nat::delete(tx, row).await?;
        Ok(ec2::DeleteNatGatewayResult { nat_gateway_id: Some(row.nat_gateway_id) })
    }
}
