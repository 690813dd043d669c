//! `RebootInstances`.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::chosen_instances;
use crate::engine::Command;
use crate::lifecycle::transition;
use crate::store::{Outcome, Tx};

impl Command for ec2::RebootInstancesRequest {
    const ERRORS: &'static [ErrorCode] = chosen_instances::ERRORS;

    async fn run(self, tx: &mut Tx) -> Outcome<()> {
        for row in chosen_instances::load(tx, &self.instance_ids).await? {
            transition::reboot(tx, row).await?;
        }
        Ok(())
    }
}
