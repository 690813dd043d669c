//! Parts on other hosts: who they are, how they join, what they may call.
//!
//! ```text
//!   operator ── token ──▶ part ── Join(secret, key) ──▶ service ──▶ authority ──▶ certificate, for days
//!                           └──── Certify(key) ───────────┘ ▲
//!                                                           └── part: the row without which nothing is renewed and nobody is heard
//! ```
//!
//! Invariants: the authority's key is sealed in the store and never leaves this process; a token is good once, for one kind of part, for a
//! while, and is kept as a hash; a name that has joined is not given to another key but by a token made for that very name, which then is the
//! only one; a part that was removed comes back by no token from before.

mod authority;
mod door;
mod listed;
mod service;
#[cfg(test)]
mod tests;
mod token;

pub use authority::Trust;
pub use door::Door;
pub use listed::{list, remove_listed};
pub use service::{LARGEST_REQUEST, PartsService};
pub use token::{Created, create};

use freehold_link::identity::Kind;
use freehold_link::token::hex;
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, QueryFilter};
use tonic::Status;

use crate::store::{Outcome, Tx, join_token, part};

async fn row(db: &impl ConnectionTrait, kind: Kind, name: &str) -> Result<Option<part::Model>, DbErr> {
    part::Entity::find_by_id((kind.to_string(), name.to_owned())).one(db).await
}

/// Whether this part has joined and was not removed since.
pub async fn has_joined(db: &impl ConnectionTrait, kind: Kind, name: &str) -> Result<bool, DbErr> {
    Ok(row(db, kind, name).await?.is_some())
}

/// Whether who shows a certificate with this key is the part of that row, and if not, what it is told.
fn standing(row: Option<&part::Model>, kind: Kind, name: &str, key: Option<&[u8; 32]>) -> Result<(), Status> {
    let Some(row) = row else {
        return Err(Status::permission_denied(format!(
            "{kind} {name} has been removed from this cluster, or was never part of it; it may join again with a token"
        )));
    };
    // "": not known, since before keys were noted, or since a restore.
    let shows = |own: &str| key.is_some_and(|key| hex(key) == own);
    if row.current_key.is_empty() || shows(&row.current_key) || shows(&row.previous_key) {
        return Ok(());
    }
    Err(Status::permission_denied(format!(
        "{kind} {name} has another key by now, and this one is not good any more; to give the name to this one, make a token for it: \
         `freehold host token --for {kind} --name {name}`"
    )))
}

/// Takes a part's leave: it is refused from now on, what it holds open ends, and nothing that was given out for it lets it in again.
pub async fn remove(tx: &Tx, kind: Kind, name: &str) -> Outcome<()> {
    part::Entity::delete_by_id((kind.to_string(), name.to_owned())).exec(tx.db()).await?;
    let its_own = Condition::any().add(join_token::Column::Name.eq(name)).add(join_token::Column::SpentBy.starts_with(format!("{name} ")));
    join_token::Entity::delete_many().filter(join_token::Column::Kind.eq(kind.as_str())).filter(its_own).exec(tx.db()).await?;
    Ok(())
}
