//! A route that a client made.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "route")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub route_table_id: String,
    /// A CIDR block, or the id of a prefix list.
    #[sea_orm(primary_key, auto_increment = false)]
    pub destination: String,
    pub account_id: String,
    /// The id of a gateway, an interface or whatever else packets go to.
    pub target: String,
    pub created: i64,
}

super::standalone!();
