//! `StartInstances`. An instance starts where its disk is, so its host must have room again.

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};

use super::chosen_instances;
use crate::engine::Command;
use crate::lifecycle::step::State;
use crate::lifecycle::transition;
use crate::placement::reasons::{Others, Refused, Wanted, Why};
use crate::placement::{self, Amount, Request};
use crate::store::{Outcome, Tx, instance};

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

/// Its disk is on its host already: only what runs is asked for. A drained host runs what it has.
async fn check_room(tx: &Tx, row: &instance::Model) -> Outcome<()> {
    let host = match &row.host_id {
        Some(host_id) => placement::hosts::one(tx.db(), host_id).await?,
        None => None,
    };
    let amount = Amount { vcpus: row.vcpus.into(), memory_mib: row.memory_mib, disk_mib: 0 };
    let request = Request { availability_zone: &row.availability_zone, architecture: &row.architecture, amount };
    let why = match host.as_ref().map(|host| placement::room(&request, host, tx.settings().overcommit)) {
        Some(Ok(_)) => return Ok(()),
        Some(Err(refusal)) => refusal.to_string(),
        None => "is gone".to_owned(),
    };
    let message = format!(
        "Insufficient capacity to start the instance '{}': the host that has its disk has no room or is not connected. Try again later.",
        row.instance_id
    );
    let what = format!("{} ({}), whose disk is there", row.instance_id, row.instance_type);
    let wanted = Wanted::new(what, amount, &row.architecture, vec![row.availability_zone.clone()]);
    let others = Others { named: row.host_id.iter().map(|id| (id.clone(), why.clone())).collect(), ..Others::default() };
    let fault = Fault::new(ErrorCode::InsufficientInstanceCapacity, message);
    Err(Fault { source: Some(Box::new(Refused { wanted, why: Why::Known(others) })), ..fault }.into())
}
