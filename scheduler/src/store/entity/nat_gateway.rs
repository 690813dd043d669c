//! A way out for those without a public address.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "nat_gateway")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub nat_gateway_id: String,
    pub account_id: String,
    pub vpc_id: String,
    pub subnet_id: String,
    pub availability_zone: String,
    /// `public` or `private`
    pub connectivity_type: String,
    /// As EC2 says it, see [`crate::network::nat::state`].
    pub state: String,
    /// Empty unless it failed.
    pub failure_code: String,
    pub failure_message: String,
    /// Empty where there never was one. What follows stays when they are gone, to be shown.
    pub network_interface_id: String,
    pub private_ip_address: String,
    pub public_ip: Option<String>,
    pub allocation_id: Option<String>,
    pub association_id: Option<String>,
    /// The host that passes its packets on.
    pub host_id: Option<String>,
    pub generation: i64,
    /// When it came to be without a host, or was given one.
    pub since: i64,
    pub created: i64,
    /// When it was deleted, or failed.
    pub ended: Option<i64>,
}

super::standalone!();
