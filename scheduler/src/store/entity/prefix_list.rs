//! A named list of blocks.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "prefix_list")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub prefix_list_id: String,
    /// `AWS` for the cloud's own, which all accounts see.
    pub account_id: String,
    pub prefix_list_name: String,
    pub max_entries: i32,
    pub version: i64,
    pub state: String,
    pub created: i64,
}

super::standalone!();
