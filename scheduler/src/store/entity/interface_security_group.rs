//! Membership of an interface in a group.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "interface_security_group")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub network_interface_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub group_id: String,
    pub account_id: String,
}

super::standalone!();
