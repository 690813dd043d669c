//! A VPC.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "vpc")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub vpc_id: String,
    pub account_id: String,
    pub cidr_block: String,
    pub cidr_association_id: String,
    pub is_default: bool,
    pub vni: i64,
    /// Or the word `default`: nothing but an address is told.
    pub dhcp_options_id: String,
    pub enable_dns_support: bool,
    pub enable_dns_hostnames: bool,
    pub enable_network_address_usage_metrics: bool,
    pub generation: i64,
    pub created: i64,
}

super::standalone!();
