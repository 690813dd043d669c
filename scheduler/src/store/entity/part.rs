//! A part of another host that has joined. Without its row a certificate is good for nothing.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "part")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub kind: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    pub joined: i64,
    /// When it last got a certificate.
    pub certified: i64,
    /// Of the certificate that it got last: its key's SHA-256, hex. "": not known, any certificate of this name is good.
    pub current_key: String,
    /// Of the one that it asked for it with, should the answer have been lost. "": none.
    pub previous_key: String,
}

super::standalone!();
