//! A volume.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "volume")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub volume_id: String,
    pub account_id: String,
    pub availability_zone: String,
    pub size_gib: i64,
    pub volume_type: String,
    pub iops: i64,
    pub throughput: i64,
    pub snapshot_id: String,
    pub manifest: String,
    pub created: i64,
    /// Which host has its bytes, also when it is attached to nothing.
    pub host_id: Option<String>,
    /// Its bytes were on a host that was given up.
    pub lost: bool,
}

super::standalone!();
