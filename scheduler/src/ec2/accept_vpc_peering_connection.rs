//! `AcceptVpcPeeringConnection`: active at once, since the hosts are told with the commit.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::peering as shared;
use crate::engine::Command;
use crate::network::peering::{self, status};
use crate::store::{Outcome, Tx};

impl Command for ec2::AcceptVpcPeeringConnectionRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::ActiveVpcPeeringConnectionPerVpcLimitExceeded,
        ErrorCode::InvalidStateTransition,
        ErrorCode::InvalidVpcPeeringConnectionIdMalformed,
        ErrorCode::InvalidVpcPeeringConnectionIdNotFound,
        ErrorCode::MissingParameter,
        ErrorCode::OperationNotPermitted,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::AcceptVpcPeeringConnectionResult> {
        let row = shared::to_answer(tx, Some(&self.vpc_peering_connection_id), "accept", status::ACTIVE).await?;
        let row = peering::accept(tx, row).await?;
        let vpc_peering_connection = Some(shared::message(tx, row).await?);
        Ok(ec2::AcceptVpcPeeringConnectionResult { vpc_peering_connection })
    }
}
