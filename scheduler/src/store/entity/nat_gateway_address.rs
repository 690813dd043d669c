//! An address that a NAT gateway has beside its primary one.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "nat_gateway_address")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub nat_gateway_id: String,
    /// In the order in which they came.
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i32,
    pub account_id: String,
    /// As EC2 says it, see [`crate::network::nat::address::status`].
    pub status: String,
    /// Empty where its gateway failed. What follows stays when the gateway is gone, to be shown.
    pub private_ip_address: String,
    pub public_ip: Option<String>,
    pub allocation_id: Option<String>,
    pub association_id: Option<String>,
    /// When one that is to go is taken away.
    pub until: Option<i64>,
}

super::standalone!();
