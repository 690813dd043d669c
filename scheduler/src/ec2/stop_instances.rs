//! `StopInstances`.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::chosen_instances;
use crate::engine::Command;
use crate::lifecycle::transition;
use crate::store::{Outcome, Tx};

impl Command for ec2::StopInstancesRequest {
    const ERRORS: &'static [ErrorCode] = chosen_instances::ERRORS;

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::StopInstancesResult> {
        let force = self.force.unwrap_or_default();
        let stopping_instances = chosen_instances::each(tx, &self.instance_ids, async |tx, row| transition::stop(tx, row, force).await).await?;
        Ok(ec2::StopInstancesResult { stopping_instances })
    }
}
