//! A network ACL. Its subnets are in `network_acl_association`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "network_acl")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub network_acl_id: String,
    pub account_id: String,
    pub vpc_id: String,
    pub is_default: bool,
    pub created: i64,
}

super::standalone!();
