//! `ModifyInstanceMaintenanceOptions`: whether the host starts the guest again by itself. In any state but at its end.

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};

use super::{chosen_instances, maintenance_options};
use crate::engine::Command;
use crate::lifecycle::transition::save_restated;
use crate::store::{Outcome, Tx};

impl Command for ec2::ModifyInstanceMaintenanceOptionsRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::IncorrectInstanceState,
        ErrorCode::InvalidInstanceIdMalformed,
        ErrorCode::InvalidInstanceIdNotFound,
        ErrorCode::InvalidParameterValue,
        ErrorCode::MissingParameter,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::ModifyInstanceMaintenanceOptionsResult> {
        if self.auto_recovery.is_none() && self.reboot_migration.is_none() {
            let message = "The request must contain the parameter AutoRecovery or RebootMigration.";
            return Err(Fault::new(ErrorCode::MissingParameter, message).into());
        }
        let mut row = chosen_instances::lasting(tx, &self.instance_id).await?;
        let auto_recovery = maintenance_options::auto_recovery(self.auto_recovery, &row.auto_recovery)?;
        if auto_recovery != row.auto_recovery {
            row.auto_recovery = auto_recovery;
            row = save_restated(tx, row).await?;
        }
        Ok(ec2::ModifyInstanceMaintenanceOptionsResult {
            instance_id: Some(row.instance_id),
            auto_recovery: Some(row.auto_recovery),
            reboot_migration: Some(maintenance_options::DEFAULT.to_owned()),
        })
    }
}
