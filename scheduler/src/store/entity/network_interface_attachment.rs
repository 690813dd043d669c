//! An interface on an instance.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "network_interface_attachment")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub attachment_id: String,
    pub account_id: String,
    pub network_interface_id: String,
    pub instance_id: String,
    pub device_index: i32,
    pub delete_on_termination: bool,
    pub attach_time: i64,
    /// As EC2 says it: `attaching`, `attached` or `detaching`.
    pub status: String,
}

super::standalone!();
