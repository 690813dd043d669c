//! Parts on other hosts: who they are, how they join, what they may call.
//!
//! ```text
//!   operator ── token ──▶ part ── Join(secret, key) ──▶ service ──▶ authority ──▶ certificate, for days
//!                           └──── Certify(key) ───────────┘ ▲
//!                                                           └── part: the row without which nothing is renewed
//! ```
//!
//! Invariants: the authority's key is sealed in the store and never leaves this process; a token is good once, for one kind of part, for a
//! while, and is kept as a hash; a name that has joined is not given to another key but by a token made for that very name.

mod authority;
mod door;
mod service;
#[cfg(test)]
mod tests;
mod token;

pub use authority::Trust;
pub use door::admits;
pub use service::PartsService;
pub use token::{Created, create};

use freehold_link::identity::Kind;
use sea_orm::{ConnectionTrait, DbErr, EntityTrait};

use crate::store::{self, Outcome, Tx};

/// Whether this part has joined and was not removed since.
pub async fn has_joined(db: &impl ConnectionTrait, kind: Kind, name: &str) -> Result<bool, DbErr> {
    Ok(store::part::Entity::find_by_id((kind.to_string(), name.to_owned())).one(db).await?.is_some())
}

/// Takes a part's leave to renew its certificate and, for a host, to attend. What it holds open ends with its certificate.
pub async fn remove(tx: &Tx, kind: Kind, name: &str) -> Outcome<()> {
    store::part::Entity::delete_by_id((kind.to_string(), name.to_owned())).exec(tx.db()).await?;
    Ok(())
}
