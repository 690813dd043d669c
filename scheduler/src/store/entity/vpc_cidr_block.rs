//! A block that a VPC has beyond its first.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "vpc_cidr_block")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub association_id: String,
    pub account_id: String,
    pub vpc_id: String,
    pub cidr_block: String,
    pub created: i64,
}

super::standalone!();
