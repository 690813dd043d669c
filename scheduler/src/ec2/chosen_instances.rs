//! The instances that a command names: each exists, is the caller's, and is acted on once, however often it is named.

use std::collections::BTreeMap;

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::message::missing;
use super::resolve::INSTANCE;
use crate::addresses;
use crate::lifecycle::step::State;
use crate::store::{Failure, Outcome, Select, Tx, instance, read};

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

/// The one that is named.
async fn one(tx: &Tx, id: &str) -> Outcome<instance::Model> {
    INSTANCE.own::<instance::Entity>(tx, id).await
}

/// The one that is named, unless it goes or has gone: nothing of that can be changed any more.
pub async fn lasting(tx: &Tx, id: &str) -> Outcome<instance::Model> {
    let row = one(tx, id).await?;
    match row.state()? {
        State::ShuttingDown | State::Terminated => {
            let message = format!("The instance '{id}' is {} and can not be changed.", row.state);
            Err(Failure::refuse(ErrorCode::IncorrectInstanceState, message))
        }
        _ => Ok(row),
    }
}

/// The interface of the one that is named, where there is no other that could be meant.
pub async fn only_interface(tx: &Tx, instance_id: &str) -> Outcome<String> {
    let row = lasting(tx, instance_id).await?;
    let mut interfaces = addresses::interfaces_of(tx, &row.instance_id).await?;
    if let (Some(only), true) = (interfaces.pop(), interfaces.is_empty()) {
        return Ok(only);
    }
    let message = format!(
        "There are multiple interfaces attached to instance '{instance_id}'. Please specify an interface ID for the operation instead."
    );
    Err(Failure::refuse(ErrorCode::InvalidInstanceId, message))
}

/// It has to be stopped for what is asked.
pub fn stopped(row: &instance::Model) -> Outcome<()> {
    if row.state()? == State::Stopped {
        return Ok(());
    }
    let message = format!("The instance '{}' is not in the 'stopped' state. Stop it first.", row.instance_id);
    Err(Failure::refuse(ErrorCode::IncorrectInstanceState, message))
}

/// It has an attribute that keeps clients from what they ask.
pub fn protected(row: &instance::Model, verb: &str, attribute: &str) -> Fault {
    let message =
        format!("The instance '{}' may not be {verb}. Modify its '{attribute}' instance attribute and try again.", row.instance_id);
    Fault::new(ErrorCode::OperationNotPermitted, message)
}

/// From where to where an instance went.
pub fn change(before: State, after: &instance::Model) -> Result<ec2::InstanceStateChange, Fault> {
    Ok(ec2::InstanceStateChange {
        instance_id: Some(after.instance_id.clone()),
        current_state: Some(after.state()?.into()),
        previous_state: Some(before.into()),
    })
}
