//! A session's place in the registry. Whoever attends has one; a newer session of the host takes it away.

use std::sync::Arc;

use sea_orm::EntityTrait;

use super::Hosts;
use crate::store::{Outcome, Tx, host};

/// Given up when it is dropped, however the session came to its end.
pub struct Seat {
    hosts: Arc<Hosts>,
    host_id: String,
    serial: u64,
}

impl Seat {
    pub(super) fn new(hosts: Arc<Hosts>, host_id: String, serial: u64) -> Self {
        Self { hosts, host_id, serial }
    }

    pub fn host_id(&self) -> &str {
        &self.host_id
    }

    /// Whether no newer session of the host has begun, here or at another scheduler: asked in a transaction's turn, so that what an older
    /// session still hears can not overwrite what the newer one has written.
    pub async fn is_held(&self, tx: &Tx) -> Outcome<bool> {
        if !self.hosts.is_newest(&self.host_id, self.serial) {
            return Ok(false);
        }
        if !self.hosts.store.is_shared() {
            return Ok(true);
        }
        let row = host::Entity::find_by_id(&self.host_id).one(tx.db()).await?;
        Ok(row.is_some_and(|row| row.attended_by.as_deref() == Some(self.hosts.scheduler_id())))
    }

    /// Whether this was the host's newest session, so that the host is gone with it.
    pub(super) fn give_up(&self) -> bool {
        self.hosts.leave(&self.host_id, self.serial)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.give_up();
    }
}
