//! `StopInstances`.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::chosen_instances;
use crate::engine::Command;
use crate::lifecycle::step::State;
use crate::lifecycle::transition;
use crate::store::{Outcome, Tx};

impl Command for ec2::StopInstancesRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::IncorrectInstanceState,
        ErrorCode::InvalidInstanceIdMalformed,
        ErrorCode::InvalidInstanceIdNotFound,
        ErrorCode::MissingParameter,
        ErrorCode::OperationNotPermitted,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::StopInstancesResult> {
        let force = self.force.unwrap_or_default();
        let mut stopping_instances = Vec::new();
        for row in chosen_instances::load(tx, &self.instance_ids).await? {
            let before = row.state()?;
            if row.disable_api_stop && matches!(before, State::Pending | State::Running) {
                return Err(chosen_instances::protected(&row, "stopped", "disableApiStop").into());
            }
            let row = transition::stop(tx, row, force).await?;
            stopping_instances.push(chosen_instances::change(before, &row)?);
        }
        Ok(ec2::StopInstancesResult { stopping_instances })
    }
}
