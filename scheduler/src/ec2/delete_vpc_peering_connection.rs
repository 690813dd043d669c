//! `DeleteVpcPeeringConnection`: by either side of an active one, by the requester of one that is not answered yet.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::peering as shared;
use crate::engine::Command;
use crate::network::peering::{self, End, status};
use crate::store::{Failure, Outcome, Tx};

impl Command for ec2::DeleteVpcPeeringConnectionRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidStateTransition,
        ErrorCode::InvalidVpcPeeringConnectionIdMalformed,
        ErrorCode::InvalidVpcPeeringConnectionIdNotFound,
        ErrorCode::MissingParameter,
        ErrorCode::OperationNotPermitted,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::DeleteVpcPeeringConnectionResult> {
        let row = shared::find(tx, Some(&self.vpc_peering_connection_id)).await?;
        if !status::STANDING.contains(&row.status.as_str()) {
            return Err(shared::no_way(&row, "deleting").into());
        }
        if row.status == status::PENDING && row.account_id != tx.account() {
            let message = format!("User {} cannot delete peering {}. Reject it.", tx.account(), row.vpc_peering_connection_id);
            return Err(Failure::refuse(ErrorCode::OperationNotPermitted, message));
        }
        peering::end(tx, row, End::Deleted).await?;
        Ok(ec2::DeleteVpcPeeringConnectionResult { r#return: Some(true) })
    }
}
