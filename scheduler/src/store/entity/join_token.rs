//! A join token: the hash of its secret, what it is for, and which key it was spent for.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "join_token")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub secret_hash: String,
    pub kind: String,
    /// "": any name that has not joined yet. Otherwise this part alone, which may have.
    pub name: String,
    pub created: i64,
    pub expires: i64,
    /// "": not yet. Otherwise `NAME KEY`, the key by its hash.
    pub spent_by: String,
}

super::standalone!();
