//! A route table. Its subnets are in `route_table_association`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "route_table")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub route_table_id: String,
    pub account_id: String,
    pub vpc_id: String,
    pub created: i64,
}

super::standalone!();
