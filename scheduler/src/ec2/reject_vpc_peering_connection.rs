//! `RejectVpcPeeringConnection`.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::peering as shared;
use crate::engine::Command;
use crate::network::peering::{self, End};
use crate::store::{Outcome, Tx};

impl Command for ec2::RejectVpcPeeringConnectionRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidStateTransition,
        ErrorCode::InvalidVpcPeeringConnectionIdMalformed,
        ErrorCode::InvalidVpcPeeringConnectionIdNotFound,
        ErrorCode::MissingParameter,
        ErrorCode::OperationNotPermitted,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::RejectVpcPeeringConnectionResult> {
        let row = shared::to_answer(tx, Some(&self.vpc_peering_connection_id), "reject", End::Rejected.word()).await?;
        peering::end(tx, row, End::Rejected).await?;
        Ok(ec2::RejectVpcPeeringConnectionResult { r#return: Some(true) })
    }
}
