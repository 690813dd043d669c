//! One rule of a network ACL.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "network_acl_entry")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub network_acl_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub is_egress: bool,
    #[sea_orm(primary_key, auto_increment = false)]
    pub rule_number: i32,
    pub account_id: String,
    /// A number in decimal; `-1` for all.
    pub protocol: String,
    pub rule_action: String,
    /// This or an IPv6 block.
    pub cidr_block: Option<String>,
    pub ipv6_cidr_block: Option<String>,
    pub from_port: Option<i32>,
    pub to_port: Option<i32>,
    pub icmp_type: Option<i32>,
    pub icmp_code: Option<i32>,
}

super::standalone!();
