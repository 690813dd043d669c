//! What makes a VPC reach the outside.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "internet_gateway")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub internet_gateway_id: String,
    pub account_id: String,
    pub vpc_id: Option<String>,
    pub created: i64,
}

super::standalone!();
