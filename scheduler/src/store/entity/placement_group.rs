//! A placement group.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "placement_group")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub group_id: String,
    pub account_id: String,
    pub group_name: String,
    /// EC2's word: `cluster`, `spread`, `partition`.
    pub strategy: String,
    /// Of `partition` alone.
    pub partition_count: Option<i32>,
    /// Of `spread` alone, in EC2's word.
    pub spread_level: Option<String>,
    pub created: i64,
}

super::standalone!();
