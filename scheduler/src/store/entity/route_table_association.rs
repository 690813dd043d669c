//! Which table routes a subnet's packets.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "route_table_association")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub association_id: String,
    pub account_id: String,
    pub route_table_id: String,
    pub vpc_id: String,
    /// None for the main one, which stands for every subnet that has none of its own.
    pub subnet_id: Option<String>,
    pub created: i64,
}

super::standalone!();
