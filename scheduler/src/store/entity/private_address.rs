//! A private address in use, unique in its subnet.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "private_address")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub subnet_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub address: String,
    pub account_id: String,
    pub network_interface_id: String,
    pub is_primary: bool,
}

super::standalone!();
