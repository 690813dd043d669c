//! The change feed: which rows changed, numbered in the order of commits.
//!
//! A property of the schema: triggers write it ([`triggers`]), so that no writer can forget to, be it a handler, a migration or a hand at
//! the database's own prompt. What followers must hear and no row says (`Tx::changed`) stands in the same table, written at the commit.
//!
//! Numbers are in commit order because they are drawn in a writer's turn, and a turn ends when its commit can be seen. They may have
//! gaps: what was rolled back keeps its number. The newest row is always kept, so that the head of the feed is what the table says.
//!
//! A follower that asks for what comes after its last number, and finds that older ones are gone, has missed something: it reads
//! everything anew.

#[cfg(test)]
mod tests;
pub mod triggers;

use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::change;
use super::entity::change as row;

/// One change as the feed keeps it.
pub use row::Model as Row;

/// How many changes are kept, whatever their age.
pub const KEPT: i64 = 100_000;

/// How long a change is kept at most. Nobody who follows is ever that far behind, unless it stood still.
pub const KEPT_MILLIS: i64 = 60 * 60 * 1000;

/// What came after a number.
#[derive(Debug, PartialEq, Eq)]
pub enum After {
    Changes(Vec<row::Model>),
    /// Some of it has been pruned.
    Missed,
}

/// The newest number. 0 where nothing has ever changed.
pub async fn head(db: &impl ConnectionTrait) -> Result<i64, DbErr> {
    extreme(db, row::Column::Sequence.max()).await
}

/// The changes with a higher number than `sequence`, in their order.
pub async fn after(db: &impl ConnectionTrait, sequence: i64) -> Result<After, DbErr> {
    let newer = row::Entity::find().filter(row::Column::Sequence.gt(sequence)).order_by_asc(row::Column::Sequence).all(db).await?;
    let gap = newer.first().is_some_and(|first| first.sequence > sequence + 1);
    // What has been rolled back leaves a gap too, but then what was before it is still there.
    let missed = gap && extreme(db, row::Column::Sequence.min()).await? > sequence + 1 && sequence > 0;
    Ok(if missed { After::Missed } else { After::Changes(newer) })
}

async fn extreme(db: &impl ConnectionTrait, which: sea_orm::sea_query::SimpleExpr) -> Result<i64, DbErr> {
    let found: Option<Option<i64>> = row::Entity::find().select_only().column_as(which, "sequence").into_tuple().one(db).await?;
    Ok(found.flatten().unwrap_or_default())
}

/// Up to which number changes have outlived their use at `now`, where any have. Those that nobody stamped go with the next one that is.
pub async fn outlived(db: &impl ConnectionTrait, now: i64) -> Result<Option<i64>, DbErr> {
    let old = row::Entity::find()
        .select_only()
        .column_as(row::Column::Sequence.max(), "sequence")
        .filter(row::Column::At.lte(now - KEPT_MILLIS))
        .into_tuple::<Option<i64>>()
        .one(db)
        .await?;
    let head = head(db).await?;
    let up_to = old.flatten().unwrap_or_default().max(head - KEPT).min(head - 1);
    let oldest = extreme(db, row::Column::Sequence.min()).await?;
    Ok((oldest <= up_to).then_some(up_to))
}

/// Takes away what has outlived its use, and says how much that was.
pub async fn prune(db: &impl ConnectionTrait, up_to: i64) -> Result<u64, DbErr> {
    let gone = row::Entity::delete_many().filter(row::Column::Sequence.lte(up_to)).exec(db).await?;
    Ok(gone.rows_affected)
}

/// Writes what no row says, stamped with the time of its transaction.
pub async fn write(db: &impl ConnectionTrait, changes: &[change::Change], now: i64) -> Result<(), DbErr> {
    use sea_orm::ActiveValue::{NotSet, Set};
    /// Far below what either database takes of parameters in one statement.
    const ROWS: usize = 1000;
    let model = |noted: &change::Change| row::ActiveModel {
        sequence: NotSet,
        kind: Set(noted.kind.word().to_owned()),
        id: Set(noted.id.clone()),
        at: Set(Some(now)),
    };
    for some in changes.chunks(ROWS) {
        row::Entity::insert_many(some.iter().map(model)).exec_without_returning(db).await?;
    }
    Ok(())
}
