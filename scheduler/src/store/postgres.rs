//! PostgreSQL's settings, and how writers take turns there.
//!
//! SQLite has one writer at a time. Here every writing transaction first takes the one advisory lock of its schema, which makes the same
//! of it: what a command decides on rows inside its transaction holds until it commits, with no further lock, on both stores. The lock
//! goes with the transaction, after its commit can be seen.

use std::sync::Arc;
use std::time::Duration;

use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::sqlx::{self, ConnectOptions as _};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbErr, RuntimeErr};

use super::DatabaseUrl;

/// How long a request waits for its turn to write before it is told that the store is busy.
const TURN_TIMEOUT: Duration = Duration::from_secs(20);

/// A scheduler that is stopped in the middle of its turn loses it after this long.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// No statement of ours takes nearly as long.
const STATEMENT_TIMEOUT: Duration = Duration::from_mins(1);

/// "FRHD": tells our advisory locks from another program's in the same database. The second number is the schema's.
pub const LOCK_CLASS: i32 = 0x4652_4844;

/// Those that wait for their turn wait in PostgreSQL's own queue, in which several schedulers stand on equal terms.
const WRITERS: u32 = 4;
const READERS: u32 = 4;

pub enum Pool {
    Writers,
    Readers,
    /// The read model's own: it must not wait behind the readers that wait for it.
    Follower,
}

pub async fn connect(url: &DatabaseUrl, pool: Pool) -> Result<DatabaseConnection, DbErr> {
    let exact: PgConnectOptions = url.secret().parse().map_err(|error: sqlx::Error| DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error))))?;
    let exact = match exact.get_application_name() {
        Some(_) => exact,
        None => exact.application_name("freehold-scheduler"),
    };
    let exact = exact.disable_statement_logging().options(bounds());
    // sea-orm traces the address that it is given: it is given one without the password, and the one to be used beside it.
    let mut options = ConnectOptions::new(url.to_string());
    let connections = match pool {
        Pool::Writers => WRITERS,
        Pool::Readers => READERS,
        Pool::Follower => 1,
    };
    options.max_connections(connections).min_connections(1).acquire_timeout(TURN_TIMEOUT).sqlx_logging(false);
    options.map_sqlx_postgres_opts(move |_| exact.clone());
    Database::connect(options).await
}

/// What holds for every connection.
fn bounds() -> [(&'static str, String); 5] {
    let millis = |timeout: Duration| timeout.as_millis().to_string();
    [
        ("lock_timeout", millis(TURN_TIMEOUT)),
        ("idle_in_transaction_session_timeout", millis(IDLE_TIMEOUT)),
        ("statement_timeout", millis(STATEMENT_TIMEOUT)),
        // What a command answered survives a power cut, whatever the server's default is.
        ("synchronous_commit", "on".to_owned()),
        // A turn sees what the turn before left, whatever the server's, database's or role's default is: in REPEATABLE READ it would see what
        // was there when it began to wait.
        ("default_transaction_isolation", "read committed".to_owned()),
    ]
}

/// Waits for this transaction's turn to write. Its first statement, so that all it reads is what the turn before left.
pub async fn take_turn(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    db.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({LOCK_CLASS}, hashtext(current_schema()))")).await.map(drop)
}
