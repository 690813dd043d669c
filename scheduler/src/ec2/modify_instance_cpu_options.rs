//! `ModifyInstanceCpuOptions`: other cores and threads for an instance that is stopped.

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};

use super::chosen_instances;
use super::cpu_options;
use crate::engine::Command;
use crate::lifecycle::transition::save_restated;
use crate::store::{Failure, Outcome, Tx};

impl Command for ec2::ModifyInstanceCpuOptionsRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::IncorrectInstanceState,
        ErrorCode::InvalidInstanceIdMalformed,
        ErrorCode::InvalidInstanceIdNotFound,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
        ErrorCode::MissingParameter,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::ModifyInstanceCpuOptionsResult> {
        let mut row = chosen_instances::lasting(tx, &self.instance_id).await?;
        let Some(kind) = tx.settings().catalogue.get(&row.instance_type) else {
            let message = format!("The instance type '{}' is not offered any more. Change the type.", row.instance_type);
            return Err(Failure::refuse(ErrorCode::InvalidParameterCombination, message));
        };
        let options = cpu_options::given(kind, self.core_count, self.threads_per_core)?.ok_or_else(|| {
            let message = "When specifying CpuOptions you must specify both CoreCount and ThreadsPerCore.";
            Fault::new(ErrorCode::MissingParameter, message)
        })?;
        chosen_instances::stopped(&row)?;
        row.cpu_core_count = Some(options.core_count);
        row.cpu_threads_per_core = Some(options.threads_per_core);
        row.vcpus = options.vcpus();
        let row = save_restated(tx, row).await?;
        Ok(ec2::ModifyInstanceCpuOptionsResult {
            instance_id: Some(row.instance_id),
            core_count: Some(options.core_count),
            threads_per_core: Some(options.threads_per_core),
            nested_virtualization: None,
        })
    }
}
