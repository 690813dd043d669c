//! Why a command or a query did not answer: a fault with AWS's code, or the database's own error.

use freehold_proto::{ErrorCode, Fault};
use sea_orm::{DbErr, SqlErr};

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
            Failure::Store(DbErr::ConnectionAcquire(error)) => {
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
