//! Instances with their interfaces, volumes, tags and the condition of their host.

use std::collections::BTreeMap;

use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, JoinType, QueryFilter, QueryOrder, QuerySelect};

use super::interfaces::{self, InterfaceView};
use super::volumes::{self, VolumeView};
use super::{Read, Select, portions, tags};
use crate::store::{host, instance};

/// An instance as Describe shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceView {
    pub instance: instance::Model,
    /// By device index.
    pub interfaces: Vec<InterfaceView>,
    /// The root volume first.
    pub volumes: Vec<VolumeView>,
    pub tags: BTreeMap<String, String>,
    /// Whether the agent of its host is there to vouch for what was observed.
    pub host_connected: bool,
    /// Since when it is, or when it was last there.
    pub host_last_seen: Option<i64>,
}

impl Read {
    /// By reservation, launch index and id.
    pub async fn instances(&self, account: &str, select: &Select) -> Result<Vec<InstanceView>, DbErr> {
        load(&self.snapshot().await?, account, select).await
    }
}

/// By reservation, launch index and id.
pub async fn load(db: &impl ConnectionTrait, account: &str, select: &Select) -> Result<Vec<InstanceView>, DbErr> {
    let placed = placed(db, account, select).await?;
    let mut interfaces = interfaces::of_instances(db, account, select).await?;
    let mut volumes = volumes::of_instances(db, account, select).await?;
    let mut tags = tags::of_resources(db, account, select).await?;
    let view = |Placed { instance, host_connected, host_last_seen }: Placed| InstanceView {
        interfaces: interfaces.remove(&instance.instance_id).unwrap_or_default(),
        volumes: volumes.remove(&instance.instance_id).unwrap_or_default(),
        tags: tags.remove(&instance.instance_id).unwrap_or_default(),
        host_connected: host_connected.unwrap_or_default(),
        host_last_seen,
        instance,
    };
    Ok(placed.into_iter().map(view).collect())
}

/// An instance and its host, if it has one.
#[derive(FromQueryResult)]
struct Placed {
    #[sea_orm(nested)]
    instance: instance::Model,
    host_connected: Option<bool>,
    host_last_seen: Option<i64>,
}

async fn placed(db: &impl ConnectionTrait, account: &str, select: &Select) -> Result<Vec<Placed>, DbErr> {
    use instance::{Column, Entity};
    let on_host = Entity::belongs_to(host::Entity).from(Column::HostId).to(host::Column::HostId).into();
    let instances = Entity::find()
        .join(JoinType::LeftJoin, on_host)
        .column_as(host::Column::Connected, "host_connected")
        .column_as(host::Column::LastSeen, "host_last_seen")
        .filter(Column::AccountId.eq(account))
        .order_by_asc(Column::ReservationId)
        .order_by_asc(Column::AmiLaunchIndex)
        .order_by_asc(Column::InstanceId);
    let mut rows = Vec::new();
    for portion in portions(instances, Column::InstanceId, select) {
        rows.extend(portion.into_model::<Placed>().all(db).await?);
    }
    Ok(rows)
}
