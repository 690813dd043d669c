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
        chosen_instances::each(tx, &self.instance_ids, async |tx, row| transition::reboot(tx, row).await).await?;
        Ok(())
    }
}
