//! The one transaction of a command.

use std::sync::Arc;

use freehold_proto::id::Entropy;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, SqliteTransactionMode, TransactionOptions, TransactionTrait,
};

use super::{Change, Kind, Store, feed, postgres};
use crate::Settings;
use crate::metrics::Turn;
use crate::world::World;

/// Begins a transaction that has its turn to write: nobody else writes until it ends.
pub async fn begin_writing(writer: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    // DEFERRED would answer SQLITE_BUSY at the first write if another process wrote in between, whatever the timeout.
    let options = TransactionOptions { sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate), ..TransactionOptions::default() };
    let db = writer.begin_with_options(options).await?;
    if db.get_database_backend() == DbBackend::Postgres {
        postgres::take_turn(&db).await?;
    }
    Ok(db)
}

/// A command's transaction: its rows, its time (the same for everything it writes), its randomness, and what it changed.
///
/// Dropped without [`Tx::commit`] it leaves nothing behind.
pub struct Tx {
    db: DatabaseTransaction,
    account: String,
    principal: Option<String>,
    now: i64,
    entropy: Arc<dyn Entropy>,
    settings: Arc<Settings>,
    changes: Vec<Change>,
    world: Arc<World>,
    turn: Turn,
}

impl Tx {
    pub(super) async fn begin(store: &Store, account: &str) -> Result<Self, DbErr> {
        let wait = store.metrics.wait(&*store.clock);
        let begun = begin_writing(&store.writer).await;
        let turn = wait.over(begun.as_ref().err());
        let db = begun?;
        if let Some(lease) = &store.lease {
            lease.check(&db).await?;
        }
        Ok(Self {
            db,
            account: account.to_owned(),
            principal: None,
            now: store.clock.now_millis(),
            entropy: Arc::clone(&store.entropy),
            settings: Arc::clone(&store.settings),
            changes: Vec::new(),
            world: Arc::clone(&store.world),
            turn,
        })
    }

    /// The connection to read and write with.
    pub fn db(&self) -> &DatabaseTransaction {
        &self.db
    }

    /// 12 digits: whose rows this command sees and makes.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// Says who in the account asks.
    #[must_use]
    pub fn asked_by(mut self, principal_arn: &str) -> Self {
        self.principal = Some(principal_arn.to_owned());
        self
    }

    /// The ARN of who asks: the account's root where nobody said.
    pub fn principal_arn(&self) -> String {
        self.principal.clone().unwrap_or_else(|| crate::identity::root_arn(&self.account))
    }

    /// Milliseconds since the Unix epoch.
    pub fn now(&self) -> i64 {
        self.now
    }

    pub fn entropy(&self) -> &dyn Entropy {
        &*self.entropy
    }

    pub fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }

    /// Notes that followers should look at this once it is committed. That a row changed the feed says by itself; this is for what no
    /// row says, such as that a host must be told.
    pub fn changed(&mut self, kind: Kind, id: impl Into<String>) {
        let change = Change { kind, id: id.into() };
        if !self.changes.contains(&change) {
            self.changes.push(change);
        }
    }

    /// What followers will be told once it is committed.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Makes it durable. The followers learn of it from the feed.
    pub async fn commit(mut self) -> Result<(), DbErr> {
        feed::write(&self.db, &self.changes, self.now).await?;
        // Also where the answer to the commit is lost: it may have happened.
        let _told = Told(self.world);
        let committed = self.db.commit().await;
        self.turn.committed(committed.as_ref().err());
        committed?;
        self.turn.told(self.changes.len());
        Ok(())
    }

    pub async fn rollback(self) -> Result<(), DbErr> {
        self.db.rollback().await
    }
}

/// Wakes the World when a commit is over, however it ended.
struct Told(Arc<World>);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.committed();
    }
}
