//! A security group.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "security_group")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub group_id: String,
    pub account_id: String,
    pub vpc_id: String,
    pub group_name: String,
    pub description: String,
    pub generation: i64,
    pub created: i64,
}

super::standalone!();
