//! A part of another host that has joined. Without its row a certificate is not renewed and a host is not let in.

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
}

super::standalone!();
