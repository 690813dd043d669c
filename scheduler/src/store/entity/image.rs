//! An AMI.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "image")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub image_id: String,
    pub account_id: String,
    pub name: String,
    pub description: String,
    pub public: bool,
    pub architecture: String,
    pub root_device_name: String,
    pub snapshot_id: String,
    pub created: i64,
}

super::standalone!();
