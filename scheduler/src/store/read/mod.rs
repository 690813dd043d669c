//! What Describes show: rows put together to views. Written once, over [`Rows`]: those of the World for a query, those that its own
//! transaction has read for a command, which must see what it has just written.
//!
//! A view is of one account: what is another's is as absent as what never was.

pub mod elastic;
pub mod endpoints;
pub mod instances;
pub mod interfaces;
pub mod networks;
pub mod peering;
pub mod prefix_lists;
pub mod resources;
pub mod volumes;

use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, SelectTwo};

use super::Rows;

/// Something that an account can describe.
pub trait View: Sized {
    /// One, unless it is absent or another account's.
    fn one(rows: &Rows, account: &str, id: &str) -> Option<Self>;

    /// The ids of all that the account sees, in order, from the one behind `after` on.
    fn ids<'a>(rows: &'a Rows, account: &'a str, after: Option<&'a str>) -> Box<dyn Iterator<Item = &'a str> + 'a>;

    fn id(&self) -> &str;

    /// All of them, by id, one at a time.
    fn all<'a>(rows: &'a Rows, account: &'a str, after: Option<&'a str>) -> impl Iterator<Item = Self> + 'a {
        Self::ids(rows, account, after).filter_map(move |id| Self::one(rows, account, id))
    }
}

/// Which rows a read is about.
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
) -> Result<(Vec<E::Model>, Vec<F::Model>), DbErr> {
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for portion in portions(query, column, select) {
        for (row, other) in portion.all(db).await? {
            left.push(row);
            right.extend(other);
        }
    }
    Ok((left, right))
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
