//! A public address that an account keeps, on an interface or on none.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "elastic_address")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub allocation_id: String,
    pub account_id: String,
    pub address: String,
    /// With what follows, or none.
    pub association_id: Option<String>,
    pub network_interface_id: Option<String>,
    pub private_ip_address: Option<String>,
    /// Its reverse DNS name, with the root's dot.
    pub ptr_record: Option<String>,
    pub created: i64,
}

super::standalone!();
