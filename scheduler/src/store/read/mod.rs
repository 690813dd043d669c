//! The one read interface behind every Describe.
//!
//! Over SQL now; the in-memory World takes its place with the change feed, so nothing outside this module may know that a Describe is
//! a SELECT. Every read is of one account and one moment: its queries share a snapshot.
//!
//! The `load` functions are generic over the connection, because a command reads the same views inside its own transaction, where it
//! must see what it has just written. One query per table serves a whole page, however many rows it has.

pub mod instances;
pub mod interfaces;
pub mod resources;
pub mod tags;
pub mod volumes;

use sea_orm::{ColumnTrait, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr, EntityTrait, QueryFilter, TransactionTrait};

/// Reads from a snapshot of the store. Cheap to clone.
#[derive(Clone)]
pub struct Read {
    db: DatabaseConnection,
}

impl Read {
    pub(super) fn new(db: DatabaseConnection) -> Self {
        Self { db }
    }

    /// One consistent moment, for a read that takes several queries.
    pub(crate) async fn snapshot(&self) -> Result<DatabaseTransaction, DbErr> {
        self.db.begin().await
    }
}

/// Which rows of an account a Describe is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Select {
    All,
    /// Ids that do not exist, or are another account's, are simply not among the answers: the handler says which error that is.
    Ids(Vec<String>),
}

/// SQLite and PostgreSQL bound the number of parameters of one statement.
const IDS_PER_QUERY: usize = 5_000;

/// The rows of `query` whose `column` is one of `ids`, or all of them.
pub(crate) async fn chosen<E: EntityTrait>(
    db: &impl ConnectionTrait,
    query: sea_orm::Select<E>,
    column: E::Column,
    select: &Select,
) -> Result<Vec<E::Model>, DbErr> {
    let ids = match select {
        Select::All => return query.all(db).await,
        Select::Ids(ids) => ids,
    };
    let mut rows = Vec::new();
    for some in ids.chunks(IDS_PER_QUERY) {
        rows.extend(query.clone().filter(column.is_in(some.iter().map(String::as_str))).all(db).await?);
    }
    Ok(rows)
}
