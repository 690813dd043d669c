//! What the actions that look at a guest's consoles share.

use std::sync::Arc;

use freehold_proto::internal::host::{ConsoleOutput, ConsoleRequest};
use freehold_proto::{ErrorCode, Fault};

use super::resolve::INSTANCE;
use crate::engine::Ask;
use crate::lifecycle::step::State;
use crate::store::{Outcome, instance};

/// The caller's instance.
pub fn instance(ask: &Ask, id: &str) -> Result<Arc<instance::Model>, Fault> {
    INSTANCE.check(id)?;
    let own = |row: &&Arc<instance::Model>| row.account_id == ask.account();
    ask.rows().instances.one(id).filter(own).cloned().ok_or_else(|| INSTANCE.absent(id))
}

/// What its host answers. None where there is nothing: what a terminated guest wrote went with its disk.
pub async fn ask_host(ask: &Ask, row: &instance::Model, about: ConsoleRequest) -> Outcome<Option<ConsoleOutput>> {
    let Some(host_id) = row.host_id.as_ref().filter(|_| row.state != State::Terminated.as_str()) else { return Ok(None) };
    let about = ConsoleRequest { instance_id: row.instance_id.clone(), ..about };
    Ok(Some(ask.hosts.console(host_id, about, &*ask.entropy).await?).filter(|answer| answer.found))
}

/// It has to run for what is asked.
pub fn running(row: &instance::Model) -> Result<(), Fault> {
    if row.state == State::Running.as_str() {
        return Ok(());
    }
    let message = format!("The instance '{}' is {} and not running. Start it first.", row.instance_id, row.state);
    Err(Fault::new(ErrorCode::IncorrectInstanceState, message))
}
