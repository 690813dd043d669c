//! A public address in use.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "public_address")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub address: String,
    pub account_id: String,
    pub network_interface_id: String,
    /// The one of the interface's that it means.
    pub private_ip_address: String,
}

super::standalone!();
