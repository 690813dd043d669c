//! One rule of a security group, one peer each.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "security_group_rule")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub security_group_rule_id: String,
    pub account_id: String,
    pub group_id: String,
    pub is_egress: bool,
    pub ip_protocol: String,
    pub from_port: i32,
    pub to_port: i32,
    pub cidr_ipv4: Option<String>,
    pub cidr_ipv6: Option<String>,
    pub referenced_group_id: Option<String>,
    pub prefix_list_id: Option<String>,
    pub description: Option<String>,
    pub created: i64,
}

super::standalone!();
