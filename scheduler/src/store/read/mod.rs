//! The one read interface behind every Describe.
//!
//! Over SQL now; the in-memory World takes its place with the change feed, so nothing outside this module may know that a Describe is
//! a SELECT. Every read is of one account and one moment: its queries share a snapshot.
//!
//! The `load` functions are generic over the connection, because a command reads the same views inside its own transaction, where it
//! must see what it has just written. The number of queries does not grow with the rows of a page, and is small, since each is a trip to
//! the connection's own thread: what a row has at most one of comes with it by a join.

pub mod instances;
pub mod interfaces;
pub mod resources;
pub mod tags;
pub mod volumes;

use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr, EntityTrait, QueryFilter, SelectTwo, TransactionTrait,
};

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
    let mut rows = Vec::new();
    for portion in portions(query, column, select) {
        rows.extend(portion.all(db).await?);
    }
    Ok(rows)
}

/// As [`chosen`], of two tables joined.
async fn chosen_pairs<E: EntityTrait, F: EntityTrait>(
    db: &impl ConnectionTrait,
    query: SelectTwo<E, F>,
    column: impl ColumnTrait,
    select: &Select,
) -> Result<Vec<(E::Model, Option<F::Model>)>, DbErr> {
    let mut rows = Vec::new();
    for portion in portions(query, column, select) {
        rows.extend(portion.all(db).await?);
    }
    Ok(rows)
}

/// The queries that together find the rows of `query` whose `column` is one of `ids`.
fn portions<Q: QueryFilter + Clone>(query: Q, column: impl ColumnTrait, select: &Select) -> Vec<Q> {
    match select {
        Select::All => vec![query],
        Select::Ids(ids) => {
            let portion = |some: &[String]| query.clone().filter(column.is_in(some.iter().map(String::as_str)));
            ids.chunks(IDS_PER_QUERY).map(portion).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::{ConnectionTrait, DbBackend, EntityTrait, QueryTrait, SelectTwo, Statement};

    use crate::store::migration::bring_up_to_date;
    use crate::store::{Place, connect_writer};

    /// How SQLite would find the rows, step by step.
    pub(super) async fn plan<E: EntityTrait, F: EntityTrait>(query: &SelectTwo<E, F>) -> Vec<String> {
        let folder = tempfile::tempdir().expect("a folder");
        let db = connect_writer(&Place::File(folder.path().join("plan.db"))).await.expect("a database");
        bring_up_to_date(&db).await.expect("a schema");
        let Statement { sql, values, .. } = query.build(DbBackend::Sqlite);
        let explain = Statement { sql: format!("EXPLAIN QUERY PLAN {sql}"), values, db_backend: DbBackend::Sqlite };
        let steps = db.query_all_raw(explain).await.expect("a plan");
        steps.iter().map(|step| step.try_get("", "detail").expect("a step's text")).collect()
    }
}
