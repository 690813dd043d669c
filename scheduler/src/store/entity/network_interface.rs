//! A network interface.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "network_interface")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub network_interface_id: String,
    pub account_id: String,
    pub vpc_id: String,
    pub subnet_id: String,
    pub availability_zone: String,
    pub mac_address: String,
    pub description: String,
    pub source_dest_check: bool,
    pub created: i64,
}

super::standalone!();
