//! Which network ACL a subnet has: always one.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "network_acl_association")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub association_id: String,
    pub account_id: String,
    pub network_acl_id: String,
    pub subnet_id: String,
}

super::standalone!();
