//! A subnet.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "subnet")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub subnet_id: String,
    pub account_id: String,
    pub vpc_id: String,
    pub availability_zone: String,
    pub cidr_block: String,
    pub default_for_az: bool,
    pub map_public_ip_on_launch: bool,
    /// `ip-name` or `resource-name`.
    pub private_dns_hostname_type: String,
    pub enable_resource_name_dns_a_record: bool,
    pub created: i64,
}

super::standalone!();
