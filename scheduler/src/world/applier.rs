//! The one that changes the World, and tells the followers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use sea_orm::{
    AccessMode, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, IsolationLevel, TransactionOptions,
    TransactionTrait,
};
use tokio::sync::broadcast;
use tokio::time::Instant;

use super::World;
use crate::store::feed::triggers::Table;
use crate::store::feed::{self, After};
use crate::store::{CHANGES_KEPT, Change, Fresh, Kind, Rows};

/// How often the feed is looked at where nobody asks: for what other processes write. A file has none but a hand at its prompt.
const PERIOD_SHARED: Duration = Duration::from_millis(200);
const PERIOD_ALONE: Duration = Duration::from_secs(2);

/// After a failure the store is left alone for this long.
const PAUSE: Duration = Duration::from_millis(250);

/// A store that has not answered a question by then, of few rows, is taken to be out of reach: whoever lost it on the way is told by nobody.
const ANSWER: Duration = Duration::from_secs(5);

/// As long as nothing could be read before others are to be asked instead of this scheduler. A store that is started anew takes less.
const OUT_OF_REACH: Duration = Duration::from_secs(5);

/// Follows the feed for as long as it is kept.
#[derive(Debug)]
pub struct Applier {
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Applier {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Applier {
    /// Loads the World from the store and follows it from there on; whoever follows `changes` hears of each after it is in the World.
    pub async fn start(db: DatabaseConnection, changes: broadcast::Sender<Change>) -> Result<(Arc<World>, Self), DbErr> {
        let shared = db.get_database_backend() == DbBackend::Postgres;
        let (rows, sequence) = load(&db).await?;
        let world = Arc::new(World::new(rows, sequence, shared));
        let following = Following { db, changes, world: Arc::clone(&world), patience: OUT_OF_REACH };
        Ok((world, Self { task: tokio::spawn(following.run()) }))
    }
}

pub(super) struct Following {
    pub(super) db: DatabaseConnection,
    pub(super) changes: broadcast::Sender<Change>,
    pub(super) world: Arc<World>,
    /// How long nothing may be read before the store counts as out of reach.
    pub(super) patience: Duration,
}

impl Following {
    pub(super) async fn run(self) {
        let period = if self.world.shared { PERIOD_SHARED } else { PERIOD_ALONE };
        let mut failing: Option<Instant> = None;
        loop {
            // Asked for before the round begins: whatever was committed by then is in it.
            let asked = self.world.asked.load(Ordering::Acquire);
            match self.round().await {
                Ok(()) => {
                    if failing.take().is_some() {
                        tracing::info!("the read model follows the store again");
                        self.world.reached.send_replace(true);
                    }
                    self.world.done.send_replace(asked);
                }
                Err(error) => {
                    if failing.is_none() {
                        tracing::error!(%error, "the read model can not follow the store and tries again: see to the database");
                    }
                    let since = *failing.get_or_insert_with(Instant::now);
                    self.world.reached.send_if_modified(|reached| since.elapsed() >= self.patience && std::mem::take(reached));
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            }
            // A deadline that passes is a reason to look, as good as a wake-up.
            let _ = tokio::time::timeout(period, self.world.wake.notified()).await;
        }
    }

    /// Brings the World up to what is committed now.
    pub(super) async fn round(&self) -> Result<(), DbErr> {
        // Most rounds of a shared store find nothing, and this needs no snapshot.
        if in_time(feed::after(&self.db, self.world.sequence())).await? == After::Changes(Vec::new()) {
            return Ok(());
        }
        let snapshot = in_time(snapshot(&self.db)).await?;
        match in_time(feed::after(&snapshot, self.world.sequence())).await? {
            After::Missed => {
                snapshot.rollback().await?;
                self.begin_anew().await
            }
            After::Changes(changes) => {
                let fresh = in_time(read(&snapshot, &changes)).await?;
                snapshot.rollback().await?;
                self.apply(fresh, changes.last().map(|change| change.sequence));
                self.publish(&changes);
                Ok(())
            }
        }
    }

    fn apply(&self, fresh: Vec<Fresh>, sequence: Option<i64>) {
        let mut rows = self.world.rows.write().unwrap_or_else(PoisonError::into_inner);
        for some in fresh {
            rows.apply(some);
        }
        if let Some(sequence) = sequence {
            self.world.sequence.store(sequence, Ordering::Release);
        }
    }

    /// It stood still for so long that changes were pruned which it has not seen.
    async fn begin_anew(&self) -> Result<(), DbErr> {
        tracing::warn!(sequence = self.world.sequence(), "the read model fell behind the feed and is loaded anew");
        let (rows, sequence) = load(&self.db).await?;
        *self.world.rows.write().unwrap_or_else(PoisonError::into_inner) = rows;
        self.world.sequence.store(sequence, Ordering::Release);
        // Overruns the channel: its receivers are told that they missed some, upon which each looks at everything.
        for _ in 0..=CHANGES_KEPT {
            let _ = self.changes.send(Change { kind: Kind::Host, id: String::new() });
        }
        Ok(())
    }

    /// Each once, in the order in which they came first.
    fn publish(&self, changes: &[feed::Row]) {
        let mut told = BTreeSet::new();
        for row in changes {
            let Some(kind) = Kind::parse(&row.kind) else { continue };
            if told.insert((kind, row.id.as_str())) {
                // An error only says that nobody follows right now.
                let _ = self.changes.send(Change { kind, id: row.id.clone() });
            }
        }
    }
}

async fn in_time<T>(question: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
    let late = |_| Err(DbErr::Custom(format!("no answer within {} s", ANSWER.as_secs())));
    tokio::time::timeout(ANSWER, question).await.unwrap_or_else(late)
}

/// Everything at one moment, and the number of the last change in it.
pub(super) async fn load(db: &DatabaseConnection) -> Result<(Rows, i64), DbErr> {
    let snapshot = snapshot(db).await?;
    let sequence = feed::head(&snapshot).await?;
    let rows = Rows::load(&snapshot).await?;
    snapshot.rollback().await?;
    Ok((rows, sequence))
}

/// One moment for several reads. SQLite's is that of the first.
async fn snapshot(db: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    if db.get_database_backend() != DbBackend::Postgres {
        return db.begin().await;
    }
    let one_moment = TransactionOptions {
        isolation_level: Some(IsolationLevel::RepeatableRead),
        access_mode: Some(AccessMode::ReadOnly),
        ..TransactionOptions::default()
    };
    db.begin_with_options(one_moment).await
}

/// The rows that changed, as they are now.
async fn read(db: &impl ConnectionTrait, changes: &[feed::Row]) -> Result<Vec<Fresh>, DbErr> {
    let mut keys: BTreeMap<Table, BTreeSet<&str>> = BTreeMap::new();
    for change in changes {
        if let Some(table) = Table::parse(&change.kind) {
            keys.entry(table).or_default().insert(&change.id);
        }
    }
    let mut fresh = Vec::with_capacity(keys.len());
    for (table, keys) in keys {
        fresh.extend(Fresh::read(db, table, keys.into_iter().map(str::to_owned).collect()).await?);
    }
    Ok(fresh)
}
