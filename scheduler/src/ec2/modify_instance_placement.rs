//! `ModifyInstancePlacement`: moves a stopped instance into a placement group, out of one, or to another partition.
//!
//! Its disk stays on its host. Whether that host suits the group is found out when it is started, as on EC2.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::message::missing;
use super::run_instances::PlacementGroupAsked;
use super::{chosen_instances, placement_groups};
use crate::engine::Command;
use crate::lifecycle::transition::save_restated;
use crate::placement::group::Group;
use crate::store::{Outcome, Tx, instance};

impl Command for ec2::ModifyInstancePlacementRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::IncorrectInstanceState,
        ErrorCode::InvalidInstanceIdMalformed,
        ErrorCode::InvalidInstanceIdNotFound,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
        ErrorCode::InvalidPlacementGroupIdMalformed,
        ErrorCode::InvalidPlacementGroupUnknown,
        ErrorCode::MissingParameter,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::ModifyInstancePlacementResult> {
        if self.group_name.is_none() && self.group_id.is_none() && self.partition_number.is_none() && self.tenancy.is_none() {
            return Err(missing("GroupName, GroupId, PartitionNumber or Tenancy").into());
        }
        let mut row = chosen_instances::lasting(tx, &self.instance_id).await?;
        chosen_instances::stopped(&row)?;
        let before = (row.placement_group_id.clone(), row.partition_number);
        self.place(tx, &mut row).await?;
        if before != (row.placement_group_id.clone(), row.partition_number) {
            save_restated(tx, row).await?;
        }
        Ok(ec2::ModifyInstancePlacementResult { r#return: Some(true) })
    }
}

trait Place {
    async fn place(&self, tx: &Tx, row: &mut instance::Model) -> Outcome<()>;
}

impl Place for ec2::ModifyInstancePlacementRequest {
    async fn place(&self, tx: &Tx, row: &mut instance::Model) -> Outcome<()> {
        let stays = self.group_name.is_none() && self.group_id.is_none();
        let group_id = if stays { row.placement_group_id.as_ref() } else { self.group_id.as_ref() };
        let Some(asked) = PlacementGroupAsked::read(group_id, self.group_name.as_ref(), self.partition_number)? else {
            // An empty name takes it out of its group.
            if !stays {
                (row.placement_group_id, row.partition_number) = (None, None);
            }
            return Ok(());
        };
        let found = placement_groups::find(tx, &asked, tx.settings().catalogue.get(&row.instance_type)).await?;
        let group = Group::load(tx, &found, asked.partition_number, Some(&row.instance_id)).await?;
        let moved = row.placement_group_id.as_ref() != Some(&found.group_id);
        if moved || asked.partition_number.is_some() {
            row.partition_number = partition(&group, row);
        }
        row.placement_group_id = Some(found.group_id);
        Ok(())
    }
}

/// The one that is asked for; else that of the group's instances on its host; else the one with the fewest.
fn partition(group: &Group, row: &instance::Model) -> Option<i32> {
    let here = row.host_id.as_deref().and_then(|host_id| group.on(host_id).first().copied());
    let open = group.next_partitions();
    here.filter(|partition| open.contains(partition)).or_else(|| open.first().copied()).flatten()
}
