//! The store: what exists, in SQL. SQLite by default, PostgreSQL by configuration; what is either's alone is in [`sqlite`] and
//! [`postgres`].
//!
//! Owns the schema, its entities, transactions, the feed of changes and the views that are put together out of rows. Holds no rule of
//! EC2's.
//!
//! Invariants:
//! * one [`Tx`] per command, which has its turn to write from its first statement on, so that a command never finds its reads overtaken;
//! * what [`Tx::commit`] returned from is on the disk (`synchronous=FULL`, `synchronous_commit=on`);
//! * followers learn of a [`Change`] after its commit, never of one rolled back, and find it in the World.

pub mod change;
pub mod entity;
pub mod failure;
pub mod feed;
pub mod lease;
mod migration;
mod place;
mod postgres;
pub mod read;
pub mod rows;
mod sqlite;
#[cfg(test)]
pub(crate) mod tests;
mod tx;

use std::sync::Arc;

use freehold_proto::clock::Clock;
use freehold_proto::id::Entropy;
use sea_orm::{DatabaseConnection, DbBackend, DbErr};
use tokio::sync::broadcast;

use crate::Settings;
use crate::metrics::Metrics;
use crate::world::{Applier, World};

pub use change::{Change, Kind};
pub use entity::*;
pub use failure::{Failure, Outcome, is_unique_violation};
pub use migration::{OpenError, bring_up_to_date};
pub use place::{DatabaseUrl, NotPostgres, Place, without_password};
pub use read::{Select, View};
pub use rows::{Fresh, Rows};
pub use tx::Tx;

/// A follower that is further behind than this reads everything anew.
pub(crate) const CHANGES_KEPT: usize = 4096;

/// The database and who follows it. Cheap to share; one per process.
pub struct Store {
    writer: DatabaseConnection,
    reader: DatabaseConnection,
    changes: broadcast::Sender<Change>,
    world: Arc<World>,
    /// Whose every transaction this is only with.
    lease: Option<lease::Lease>,
    applier: Arc<Applier>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    settings: Arc<Settings>,
    metrics: Arc<Metrics>,
}

impl Store {
    /// Opens the database, making the file if it is one, and brings its schema up to date.
    pub async fn open(
        place: &Place,
        settings: Arc<Settings>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Arc<Self>, OpenError> {
        let writer = connect_writer(place).await?;
        migration::bring_up_to_date(&writer).await?;
        let (reader, follower) = match place {
            Place::File(file) => {
                (sqlite::connect(file, sqlite::Pool::Readers).await?, sqlite::connect(file, sqlite::Pool::Follower).await?)
            }
            Place::Postgres(url) => {
                (postgres::connect(url, postgres::Pool::Readers).await?, postgres::connect(url, postgres::Pool::Follower).await?)
            }
        };
        let changes = broadcast::channel(CHANGES_KEPT).0;
        let (world, applier) = Applier::start(follower, changes.clone()).await?;
        let applier = Arc::new(applier);
        Ok(Arc::new(Self { writer, reader, changes, world, lease: None, applier, clock, entropy, settings, metrics: Arc::default() }))
    }

    /// Begins the one transaction of a command on behalf of `account`.
    pub async fn begin(&self, account: &str) -> Result<Tx, DbErr> {
        Tx::begin(self, account).await
    }

    /// The same store for what is done under a lease: a transaction begins only while that is held.
    #[must_use]
    pub fn fenced(&self, lease: lease::Lease) -> Self {
        Self {
            writer: self.writer.clone(),
            reader: self.reader.clone(),
            changes: self.changes.clone(),
            world: Arc::clone(&self.world),
            lease: Some(lease),
            applier: Arc::clone(&self.applier),
            clock: Arc::clone(&self.clock),
            entropy: Arc::clone(&self.entropy),
            settings: Arc::clone(&self.settings),
            metrics: Arc::clone(&self.metrics),
        }
    }

    /// Whether several schedulers may have it open at the same time.
    pub fn is_shared(&self) -> bool {
        self.writer.get_database_backend() == DbBackend::Postgres
    }

    /// What every Describe reads.
    pub fn world(&self) -> &Arc<World> {
        &self.world
    }

    pub fn reader(&self) -> &DatabaseConnection {
        &self.reader
    }

    /// What is committed from now on, told when it is in the World.
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

    /// What is counted here and by whoever works with this store.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    pub fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }
}

/// What commands write with.
pub(crate) async fn connect_writer(place: &Place) -> Result<DatabaseConnection, DbErr> {
    match place {
        Place::File(file) => sqlite::connect(file, sqlite::Pool::Writer).await,
        Place::Postgres(url) => postgres::connect(url, postgres::Pool::Writers).await,
    }
}
