//! `MonitorInstances`. What is monitored in detail is what an operator's metrics have of every instance anyway; clients read back that they
//! have asked for it.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::chosen_instances;
use super::model::instance::monitoring;
use crate::engine::Command;
use crate::lifecycle::transition::save;
use crate::store::{Outcome, Tx};

impl Command for ec2::MonitorInstancesRequest {
    const ERRORS: &'static [ErrorCode] =
        &[ErrorCode::InvalidInstanceIdMalformed, ErrorCode::InvalidInstanceIdNotFound, ErrorCode::MissingParameter];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::MonitorInstancesResult> {
        Ok(ec2::MonitorInstancesResult { instance_monitorings: set(tx, &self.instance_ids, true).await? })
    }
}

/// Turns it on or off.
pub async fn set(tx: &mut Tx, ids: &[String], on: bool) -> Outcome<Vec<ec2::InstanceMonitoring>> {
    let mut set = Vec::new();
    for mut row in chosen_instances::load(tx, ids).await? {
        row.monitoring = on;
        let row = save(tx, row).await?;
        set.push(ec2::InstanceMonitoring { instance_id: Some(row.instance_id.clone()), monitoring: Some(monitoring(&row)) });
    }
    Ok(set)
}
