//! `ResetInstanceAttribute`: puts back what EC2 gives at a launch. Kernels and RAM disks of their own no instance has here.

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};

use super::chosen_instances;
use super::modify_instance_attribute::source_dest_check;
use crate::engine::Command;
use crate::store::{Outcome, Tx};

impl Command for ec2::ResetInstanceAttributeRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::IncorrectInstanceState,
        ErrorCode::InvalidInstanceIdMalformed,
        ErrorCode::InvalidInstanceIdNotFound,
        ErrorCode::InvalidParameterCombination,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<()> {
        let row = chosen_instances::lasting(tx, &self.instance_id).await?;
        match self.attribute.as_str() {
            "sourceDestCheck" => source_dest_check(tx, row, true).await,
            // As it was launched: an AMI of the kind that boots by itself names neither.
            "kernel" | "ramdisk" => chosen_instances::stopped(&row),
            other => {
                let message = format!("The attribute '{other}' can not be reset. Reset kernel, ramdisk or sourceDestCheck.");
                Err(Fault::new(ErrorCode::InvalidParameterCombination, message).into())
            }
        }
    }
}
