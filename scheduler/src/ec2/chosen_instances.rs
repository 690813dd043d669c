//! The instances that a command names: each exists, is the caller's, and is acted on once, however often it is named.

use std::collections::BTreeMap;

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::message::missing;
use super::resolve::INSTANCE;
use crate::lifecycle::step::State;
use crate::store::{Outcome, Select, Tx, instance, read};

/// What naming instances can go wrong with, and their state.
pub const ERRORS: &[ErrorCode] = &[
    ErrorCode::IncorrectInstanceState,
    ErrorCode::InvalidInstanceIdMalformed,
    ErrorCode::InvalidInstanceIdNotFound,
    ErrorCode::MissingParameter,
];

/// In the order in which they are named first.
pub async fn load(tx: &Tx, ids: &[String]) -> Outcome<Vec<instance::Model>> {
    if ids.is_empty() {
        return Err(missing("InstanceId").into());
    }
    let Select::Ids(wanted) = INSTANCE.select(ids)? else { return Ok(Vec::new()) };
    let of_account = instance::Entity::find().filter(instance::Column::AccountId.eq(tx.account()));
    let rows = read::chosen(tx.db(), of_account, instance::Column::InstanceId, &Select::Ids(wanted)).await?;
    INSTANCE.all_found(ids, rows.iter().map(|row| row.instance_id.as_str()))?;
    let mut rows: BTreeMap<String, instance::Model> = rows.into_iter().map(|row| (row.instance_id.clone(), row)).collect();
    Ok(ids.iter().filter_map(|id| rows.remove(id)).collect())
}

/// From where to where an instance went.
pub fn change(before: State, after: &instance::Model) -> Result<ec2::InstanceStateChange, Fault> {
    Ok(ec2::InstanceStateChange {
        instance_id: Some(after.instance_id.clone()),
        current_state: Some(after.state()?.into()),
        previous_state: Some(before.into()),
    })
}
