//! A volume on an instance.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "volume_attachment")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub volume_id: String,
    pub account_id: String,
    pub instance_id: String,
    pub device_name: String,
    pub is_root: bool,
    pub delete_on_termination: bool,
    pub attach_time: i64,
}

super::standalone!();
