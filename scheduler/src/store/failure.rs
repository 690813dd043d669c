//! Why a command or a query did not answer: a fault with AWS's code, or the database's own error.

use freehold_proto::{ErrorCode, Fault};
use sea_orm::{DbErr, RuntimeErr, SqlErr, sqlx};

pub type Outcome<T> = Result<T, Failure>;

/// Both kinds of error that a handler's `?` meets. It becomes a [`Fault`] once, in the engine.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    Fault(#[from] Fault),
    #[error("the store failed")]
    Store(#[from] DbErr),
}

impl Failure {
    /// Whether somebody else was first, and nobody has made a fault of AWS's of it.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Store(error) if is_unique_violation(error))
    }

    /// Shorthand for a refusal.
    pub fn refuse(code: ErrorCode, message: impl Into<String>) -> Self {
        Self::Fault(Fault::new(code, message))
    }
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Fault(fault) => fault,
            Failure::Store(error) if is_passing(&error) => {
                Self { source: Some(Box::new(error)), ..Self::unavailable("The store is busy. Retry your request.") }
            }
            Failure::Store(error) => Self::internal("the store failed", error),
        }
    }
}

/// Whether a constraint said that somebody else has it already.
pub fn is_unique_violation(error: &DbErr) -> bool {
    matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
}

/// Whether the database could not be asked just now, and the same request may succeed later.
fn is_passing(error: &DbErr) -> bool {
    match error {
        DbErr::ConnectionAcquire(_) => true,
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => match &**error {
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::WorkerCrashed => true,
            sqlx::Error::Database(error) => error.code().is_some_and(|code| PASSING.contains(&&*code)),
            _ => false,
        },
        _ => false,
    }
}

/// SQLite's result codes and PostgreSQL's SQLSTATEs that say "not now".
/// Sources: <https://sqlite.org/rescode.html>, <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
const PASSING: &[&str] = &[
    "5",     // SQLITE_BUSY
    "261",   // SQLITE_BUSY_RECOVERY
    "517",   // SQLITE_BUSY_SNAPSHOT
    "25P03", // idle_in_transaction_session_timeout: this process was stopped in its turn
    "40001", // serialization_failure
    "40P01", // deadlock_detected
    "53300", // too_many_connections
    "55P03", // lock_not_available: the turn to write did not come
    "57014", // query_canceled: the statement's own bound
    "57P01", // admin_shutdown
    "57P02", // crash_shutdown
    "57P03", // cannot_connect_now
];
