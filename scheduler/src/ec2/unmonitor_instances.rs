//! `UnmonitorInstances`.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::monitor_instances::set;
use crate::engine::Command;
use crate::store::{Outcome, Tx};

impl Command for ec2::UnmonitorInstancesRequest {
    const ERRORS: &'static [ErrorCode] = ec2::MonitorInstancesRequest::ERRORS;

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::UnmonitorInstancesResult> {
        Ok(ec2::UnmonitorInstancesResult { instance_monitorings: set(tx, &self.instance_ids, false).await? })
    }
}
