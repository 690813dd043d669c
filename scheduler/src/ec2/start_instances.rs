//! `StartInstances`. An instance starts where its disk is, so its host must have room again.

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::EntityTrait;

use super::chosen_instances;
use crate::engine::Command;
use crate::lifecycle::step::State;
use crate::lifecycle::transition;
use crate::placement::group::Group;
use crate::placement::reasons::{Others, Refused, Wanted, Why};
use crate::placement::{self, Amount, Request};
use crate::store::{Outcome, Tx, instance, placement_group};

impl Command for ec2::StartInstancesRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::IncorrectInstanceState,
        ErrorCode::InsufficientAddressCapacity,
        ErrorCode::InsufficientInstanceCapacity,
        ErrorCode::InvalidInstanceIdMalformed,
        ErrorCode::InvalidInstanceIdNotFound,
        ErrorCode::MissingParameter,
        ErrorCode::Unsupported,
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

/// Its placement group, of which it may have become a member where it was.
async fn group_of(tx: &Tx, row: &instance::Model) -> Outcome<Option<Group>> {
    let Some(id) = &row.placement_group_id else { return Ok(None) };
    let Some(group) = placement_group::Entity::find_by_id(id).one(tx.db()).await? else { return Ok(None) };
    Ok(Some(Group::load(tx, &group, row.partition_number, Some(&row.instance_id)).await?))
}

/// Its disk is on its host already: only what runs is asked for. A drained host runs what it has.
async fn check_room(tx: &Tx, row: &instance::Model) -> Outcome<()> {
    let host = match &row.host_id {
        Some(host_id) => placement::hosts::one(tx.db(), host_id).await?,
        None => None,
    };
    let amount = Amount { vcpus: row.vcpus.into(), memory_mib: row.memory_mib, disk_mib: 0 };
    let request =
        Request { availability_zone: &row.availability_zone, architecture: &row.architecture, instance_type: &row.instance_type, amount };
    let group = group_of(tx, row).await?;
    let judged = host.as_ref().map(|host| {
        placement::room(&request, host, tx.settings().overcommit)?;
        group.as_ref().map_or(Ok(()), |group| group.lets(host, row.partition_number))
    });
    let (why, never) = match judged {
        Some(Ok(())) => return Ok(()),
        Some(Err(refusal)) => (refusal.to_string(), refusal.lasts()),
        None => ("is gone".to_owned(), false),
    };
    let (code, message) = if never {
        let message = format!(
            "The host that has the disk of the instance '{}' does not offer the instance type {}. Change the instance's type.",
            row.instance_id, row.instance_type
        );
        (ErrorCode::Unsupported, message)
    } else {
        let message = format!(
            "Insufficient capacity to start the instance '{}': the host that has its disk has no room, is not connected, or is not one \
             that its placement group allows. Try again later.",
            row.instance_id
        );
        (ErrorCode::InsufficientInstanceCapacity, message)
    };
    let what = format!("{} ({}), whose disk is there", row.instance_id, row.instance_type);
    let wanted = Wanted::new(what, &request, vec![row.availability_zone.clone()]);
    let others = Others { named: row.host_id.iter().map(|id| (id.clone(), why.clone())).collect(), ..Others::default() };
    let fault = Fault::new(code, message);
    Err(Fault { source: Some(Box::new(Refused { wanted, why: Why::Known(others) })), ..fault }.into())
}
