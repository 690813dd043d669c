//! A hypervisor host as its agent last described it.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "host")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub host_id: String,
    pub hostname: String,
    pub availability_zone: String,
    pub vcpus: i64,
    pub memory_mib: i64,
    pub disk_mib: i64,
    pub drivers: String,
    pub version: String,
    pub connected: bool,
    /// The scheduler that holds its session, while it is connected.
    pub attended_by: Option<String>,
    pub last_seen: i64,
    pub quarantined: String,
    /// Since when it takes nothing new.
    pub drained_since: Option<i64>,
    /// What its instances and volumes add up to, kept by triggers: nothing else writes these.
    pub instances: i64,
    pub vcpus_used: i64,
    pub memory_mib_used: i64,
    pub disk_mib_used: i64,
    /// The names of the instance types that it offers, in JSON; none: all that its drivers can run.
    pub instance_types: Option<String>,
    /// Where it takes other hosts' packets for its guests; empty: nowhere.
    pub tunnel_address: String,
}

super::standalone!();
