//! `TerminateInstances`. Of an instance that has ended already it succeeds.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::chosen_instances;
use crate::engine::Command;
use crate::lifecycle::transition;
use crate::store::{Outcome, Tx};

impl Command for ec2::TerminateInstancesRequest {
    const ERRORS: &'static [ErrorCode] =
        &[ErrorCode::InvalidInstanceIdMalformed, ErrorCode::InvalidInstanceIdNotFound, ErrorCode::MissingParameter];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::TerminateInstancesResult> {
        let terminating_instances =
            chosen_instances::each(tx, &self.instance_ids, async |tx, row| transition::terminate(tx, row).await).await?;
        Ok(ec2::TerminateInstancesResult { terminating_instances })
    }
}
