//! The store: what exists, in SQL. SQLite by default; nothing here or in [`migration`] is SQLite's alone but [`sqlite`].
//!
//! Owns the schema, its entities, transactions and the reads behind every Describe. Holds no rule of EC2's.
//!
//! Invariants:
//! * one [`Tx`] per command, begun IMMEDIATE on a writer pool of one, so that a command never finds its reads overtaken;
//! * what [`Tx::commit`] returned from is on the disk (`synchronous=FULL`);
//! * followers learn of a [`Change`] after its commit, never of one rolled back.

pub mod change;
pub mod entity;
pub mod failure;
mod migration;
pub mod read;
mod sqlite;
#[cfg(test)]
pub(crate) mod tests;
mod tx;

use std::path::Path;
use std::sync::Arc;

use freehold_proto::clock::Clock;
use freehold_proto::id::Entropy;
use sea_orm::{DatabaseConnection, DbErr};
use sea_orm_migration::MigratorTrait;
use tokio::sync::broadcast;

use crate::Settings;

pub use change::{Change, Kind};
pub use entity::*;
pub use failure::{Failure, Outcome, is_unique_violation};
pub use read::{Read, Select};
pub use tx::Tx;

/// A follower that is further behind than this reads everything anew.
const CHANGES_KEPT: usize = 4096;

/// The database and who follows it. Cheap to share; one per process.
pub struct Store {
    writer: DatabaseConnection,
    reader: DatabaseConnection,
    changes: broadcast::Sender<Change>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    settings: Arc<Settings>,
}

impl Store {
    /// Opens or makes the database file and brings its schema up to date.
    pub async fn open(file: &Path, settings: Arc<Settings>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Result<Arc<Self>, DbErr> {
        let writer = sqlite::connect(file, sqlite::Pool::Writer).await?;
        migration::Migrator::up(&writer, None).await?;
        let reader = sqlite::connect(file, sqlite::Pool::Readers).await?;
        Ok(Arc::new(Self { writer, reader, changes: broadcast::channel(CHANGES_KEPT).0, clock, entropy, settings }))
    }

    /// Begins the one transaction of a command on behalf of `account`.
    pub async fn begin(&self, account: &str) -> Result<Tx, DbErr> {
        Tx::begin(self, account).await
    }

    /// The reads behind every Describe.
    pub fn read(&self) -> Read {
        Read::new(self.reader.clone())
    }

    pub fn reader(&self) -> &DatabaseConnection {
        &self.reader
    }

    /// What is committed from now on.
    pub fn follow(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }

    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    pub fn entropy(&self) -> &dyn Entropy {
        &*self.entropy
    }

    /// For what runs on another thread.
    pub fn shared_entropy(&self) -> Arc<dyn Entropy> {
        Arc::clone(&self.entropy)
    }

    pub fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }
}
