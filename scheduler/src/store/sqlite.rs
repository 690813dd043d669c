//! SQLite's settings. WAL with `synchronous=FULL`: what a command answered survives a power cut.

use std::path::Path;
use std::time::Duration;

use sea_orm::{ConnectOptions, Database, DatabaseConnection, DbErr};

/// A writer waits this long for another process (a backup, a second opening) to finish.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a request waits for its turn to write before it is told that the store is busy.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(20);

pub enum Pool {
    /// One connection: commands queue here instead of meeting SQLITE_BUSY.
    Writer,
    Readers,
    /// The read model's own: it must not wait behind the readers that wait for it.
    Follower,
}

pub async fn connect(file: &Path, pool: Pool) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new(format!("sqlite://{}?mode=rwc", file.display()));
    let connections = match pool {
        Pool::Writer | Pool::Follower => 1,
        Pool::Readers => 4,
    };
    options.max_connections(connections).min_connections(1).acquire_timeout(ACQUIRE_TIMEOUT).sqlx_logging(false);
    // A connection is an open file: it does not go stale, and asking it first is one more trip to its thread.
    options.test_before_acquire(false);
    options.map_sqlx_sqlite_opts(|options| {
        options
            .statement_cache_capacity(1024)
            .pragma("journal_mode", "WAL")
            .pragma("synchronous", "FULL")
            .pragma("temp_store", "memory")
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
    });
    Database::connect(options).await
}
