//! A block of a prefix list, in the versions that have it.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "prefix_list_entry")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub prefix_list_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub cidr: String,
    /// The first version that has it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub since: i64,
    /// The first one that has it no longer: none for what stands in the current one.
    pub until: Option<i64>,
    pub description: Option<String>,
}

super::standalone!();
