//! What a host reports of an instance, as rows. Reports may come twice, late or in any order: only what is about the newest generation
//! moves the state, and a report that says nothing new writes nothing.

use freehold_proto::internal::host::{GuestState, InstanceObserved};
use sea_orm::EntityTrait;

use super::super::lifecycle::transition::{self, Observation};
use super::Seat;
use crate::network::attachment;
use crate::store::{Outcome, Store, instance};

/// Applies one report of the host whose session `seat` is.
pub async fn apply(store: &Store, seat: &Seat, report: &InstanceObserved) -> Outcome<()> {
    let host_id = seat.host_id();
    let Some(seen) = instance::Entity::find_by_id(&report.instance_id).one(store.reader()).await? else { return Ok(()) };
    // Most reports repeat what is known, and those must not wait for the writer.
    let now = store.clock().now_millis();
    if !concerns(&seen, host_id) {
        return Ok(());
    }
    let settled = current(&seen, report) && !attachment::settled_by(store.reader(), report).await?.is_empty();
    if noted(&seen, report, now) == seen && moves(&seen, report).is_none() && !settled {
        return Ok(());
    }
    let mut tx = store.begin(&seen.account_id).await?;
    if !seat.is_held(&tx).await? {
        return Ok(());
    }
    let Some(row) = instance::Entity::find_by_id(&report.instance_id).one(tx.db()).await? else { return Ok(()) };
    if !concerns(&row, host_id) {
        return Ok(());
    }
    if current(&row, report) {
        for attachment in attachment::settled_by(tx.db(), report).await? {
            attachment::settle(&tx, attachment).await?;
        }
    }
    let noted = noted(&row, report, tx.now());
    let noted = if noted == row { row } else { transition::save(&mut tx, noted).await? };
    if let Some(observation) = moves(&noted, report) {
        transition::observed(&mut tx, noted, observation).await?;
    }
    tx.commit().await?;
    Ok(())
}

fn concerns(row: &instance::Model, host_id: &str) -> bool {
    row.host_id.as_deref() == Some(host_id)
}

/// Whether the report is about what the host has been told last.
fn current(row: &instance::Model, report: &InstanceObserved) -> bool {
    i64::try_from(report.generation).is_ok_and(|generation| generation == row.generation)
}

/// The row with what the report says in its `observed_*` columns.
fn noted(row: &instance::Model, report: &InstanceObserved, now: i64) -> instance::Model {
    let mut row = row.clone();
    if row.observed_machine_type.is_empty() {
        row.observed_machine_type.clone_from(&report.machine_type);
    }
    let generation = i64::try_from(report.generation).unwrap_or_default();
    if generation < row.observed_generation || generation > row.generation {
        return row;
    }
    if generation == row.generation {
        row.impaired_since = (report.state() == GuestState::Impaired).then(|| row.impaired_since.unwrap_or(now));
    }
    row.observed_generation = generation;
    row.observed_state = Some(word(report.state()).to_owned());
    row.observed_reboot_count = i64::try_from(report.reboot_count).unwrap_or_default();
    row.observed_accelerator.clone_from(&report.accelerator);
    row.observed_fault_code.clone_from(&report.fault_code);
    row.observed_fault_message.clone_from(&report.fault_message);
    row.observed_since = report.since.and_then(|since| millis(&since));
    row
}

/// None for a time that no clock shows: what a host sends is not to be trusted with arithmetic.
fn millis(at: &prost_types::Timestamp) -> Option<i64> {
    at.seconds.checked_mul(1000)?.checked_add(i64::from(at.nanos) / 1_000_000)
}

/// What the report means for the state, where it is current.
fn moves(row: &instance::Model, report: &InstanceObserved) -> Option<Observation> {
    if !current(row, report) {
        return None;
    }
    let observation = match report.state() {
        GuestState::Running => Observation::Up,
        GuestState::Stopped if report.guest_initiated_shutdown => Observation::PoweredOff,
        GuestState::Stopped if row.desired_power == transition::power::STOPPED => Observation::Down,
        _ => return None,
    };
    transition::would_move(row, observation).then_some(observation)
}

/// The word that the row keeps.
pub fn word(state: GuestState) -> &'static str {
    match state {
        GuestState::Unspecified => "unknown",
        GuestState::Preparing => "preparing",
        GuestState::Running => "running",
        GuestState::Stopping => "stopping",
        GuestState::Stopped => "stopped",
        GuestState::Impaired => "impaired",
        GuestState::Quarantined => "quarantined",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_no_clock_shows_is_none() {
        let of = |seconds, nanos| millis(&prost_types::Timestamp { seconds, nanos });
        assert_eq!(of(1, 2_000_000), Some(1002));
        assert_eq!((of(i64::MAX, 0), of(i64::MIN, 0), of(i64::MAX / 1000, 999_999_999)), (None, None, None));
    }
}
