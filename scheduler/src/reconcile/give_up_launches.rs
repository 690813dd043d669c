//! A launch that its host can not carry out does not stay `pending` for ever: after a bound it ends as EC2 ends it, `terminated` for
//! `Server.InternalError`. An instance that ran before and was only to be started again is `stopped` instead, and keeps its disk.
//!
//! A host that is away has not said that it can not. What it said before it went is counted from its return (see `hosts::presence`).

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect, QueryTrait};

use super::Reconciler;
use crate::Settings;
use crate::lifecycle::step::State;
use crate::lifecycle::transition;
use crate::store::{Outcome, Store, host, instance};

pub struct GiveUpLaunches;

impl Reconciler for GiveUpLaunches {
    const NAME: &'static str = "give-up-launches";
    /// An instance that its host has failed for longer than the bound.
    type Due = instance::Model;

    async fn due(&self, store: &Store) -> Outcome<Vec<instance::Model>> {
        let past = past(store.settings(), store.clock().now_millis());
        Ok(instance::Entity::find().filter(hopeless(past)).all(store.reader()).await?)
    }

    /// Its host may have managed meanwhile, or somebody may have terminated it.
    async fn step(&self, store: &Store, seen: instance::Model) -> Outcome<()> {
        let mut tx = store.begin(&seen.account_id).await?;
        let condition = hopeless(past(store.settings(), tx.now()));
        let Some(row) = instance::Entity::find_by_id(&seen.instance_id).filter(condition).one(tx.db()).await? else { return Ok(()) };
        let (id, fault) = (row.instance_id.clone(), row.observed_fault_code.clone());
        let row = Box::pin(transition::give_up(&mut tx, row)).await?;
        tx.commit().await?;
        tracing::warn!(instance_id = id, fault, state = row.state, "gave up an instance that its host could not start");
        Ok(())
    }
}

/// What has been impaired since then or before is due.
fn past(settings: &Settings, now: i64) -> i64 {
    now.saturating_sub(i64::try_from(settings.launch_timeout.as_millis()).unwrap_or(i64::MAX))
}

fn hopeless(past: i64) -> sea_orm::Condition {
    let here = host::Entity::find().select_only().column(host::Column::HostId).filter(host::Column::Connected.eq(true));
    sea_orm::Condition::all()
        .add(instance::Column::ImpairedSince.lte(past))
        .add(instance::Column::State.eq(State::Pending.as_str()))
        .add(instance::Column::HostId.in_subquery(here.into_query()))
}

#[cfg(test)]
mod tests;
