//! `StartInstances`. An instance starts where its disk is, so its host must have room again.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::chosen_instances;
use crate::engine::Command;
use crate::lifecycle::step::State;
use crate::lifecycle::transition;
use crate::placement::{self, Amount, Request};
use crate::store::{Failure, Outcome, Tx, instance};

impl Command for ec2::StartInstancesRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::IncorrectInstanceState,
        ErrorCode::InsufficientAddressCapacity,
        ErrorCode::InsufficientInstanceCapacity,
        ErrorCode::InvalidInstanceIdMalformed,
        ErrorCode::InvalidInstanceIdNotFound,
        ErrorCode::MissingParameter,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::StartInstancesResult> {
        let mut starting_instances = Vec::new();
        for row in chosen_instances::load(tx, &self.instance_ids).await? {
            let before = row.state()?;
            if before == State::Stopped {
                check_room(tx, &row).await?;
            }
            let row = transition::start(tx, row).await?;
            starting_instances.push(chosen_instances::change(before, &row)?);
        }
        Ok(ec2::StartInstancesResult { starting_instances })
    }
}

/// Its disk is on its host already: only what runs is asked for.
async fn check_room(tx: &Tx, row: &instance::Model) -> Outcome<()> {
    let mut hosts = placement::hosts::load(tx.db()).await?;
    hosts.retain(|host| row.host_id.as_ref() == Some(&host.host_id));
    let request = Request {
        availability_zone: &row.availability_zone,
        architecture: &row.architecture,
        amount: Amount { vcpus: row.vcpus.into(), memory_mib: row.memory_mib, disk_mib: 0 },
    };
    let decision = placement::place(&request, &hosts, tx.settings().overcommit);
    if decision.chosen.is_some() {
        return Ok(());
    }
    let why = decision.refused.first().map_or_else(|| "is gone".to_owned(), |(_, refusal)| refusal.to_string());
    tracing::info!(instance = %row.instance_id, host = ?row.host_id, why, "an instance can not start");
    let message = format!(
        "Insufficient capacity to start the instance '{}': the host that has its disk has no room or is not connected. Try again later.",
        row.instance_id
    );
    Err(Failure::refuse(ErrorCode::InsufficientInstanceCapacity, message))
}
