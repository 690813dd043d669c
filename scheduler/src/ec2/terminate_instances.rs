//! `TerminateInstances`. Of an instance that has ended already it succeeds.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::chosen_instances;
use crate::engine::Command;
use crate::lifecycle::step::State;
use crate::lifecycle::transition;
use crate::store::{Outcome, Tx};

impl Command for ec2::TerminateInstancesRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidInstanceIdMalformed,
        ErrorCode::InvalidInstanceIdNotFound,
        ErrorCode::MissingParameter,
        ErrorCode::OperationNotPermitted,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::TerminateInstancesResult> {
        let mut terminating_instances = Vec::new();
        for row in chosen_instances::load(tx, &self.instance_ids).await? {
            let before = row.state()?;
            if row.disable_api_termination && !matches!(before, State::ShuttingDown | State::Terminated) {
                return Err(chosen_instances::protected(&row, "terminated", "disableApiTermination").into());
            }
            let row = transition::terminate(tx, row).await?;
            terminating_instances.push(chosen_instances::change(before, &row)?);
        }
        Ok(ec2::TerminateInstancesResult { terminating_instances })
    }
}
