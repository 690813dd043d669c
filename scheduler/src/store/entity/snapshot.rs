//! A disk content in the image store, by manifest.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "snapshot")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub snapshot_id: String,
    pub account_id: String,
    pub manifest: String,
    pub size_bytes: i64,
    pub description: String,
    pub created: i64,
}

super::standalone!();
