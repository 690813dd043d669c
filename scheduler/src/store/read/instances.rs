//! Instances with their interfaces, volumes, tags and the condition of their host.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::interfaces::{self, InterfaceView};
use super::volumes::{self, VolumeView};
use super::{Read, Select, chosen, tags};
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
}

impl Read {
    /// By reservation, launch index and id.
    pub async fn instances(&self, account: &str, select: &Select) -> Result<Vec<InstanceView>, DbErr> {
        load(&self.snapshot().await?, account, select).await
    }
}

/// By reservation, launch index and id.
pub async fn load(db: &impl ConnectionTrait, account: &str, select: &Select) -> Result<Vec<InstanceView>, DbErr> {
    use instance::{Column, Entity};
    let instances = Entity::find()
        .filter(Column::AccountId.eq(account))
        .order_by_asc(Column::ReservationId)
        .order_by_asc(Column::AmiLaunchIndex)
        .order_by_asc(Column::InstanceId);
    let instances = chosen(db, instances, Column::InstanceId, select).await?;
    let mut interfaces = interfaces::of_instances(db, account, select).await?;
    let mut volumes = volumes::of_instances(db, account, select).await?;
    let mut tags = tags::of_resources(db, account, select).await?;
    let connected = connected_hosts(db).await?;
    let view = |instance: instance::Model| InstanceView {
        interfaces: interfaces.remove(&instance.instance_id).unwrap_or_default(),
        volumes: volumes.remove(&instance.instance_id).unwrap_or_default(),
        tags: tags.remove(&instance.instance_id).unwrap_or_default(),
        host_connected: instance.host_id.as_ref().is_some_and(|host| connected.contains(host)),
        instance,
    };
    Ok(instances.into_iter().map(view).collect())
}

async fn connected_hosts(db: &impl ConnectionTrait) -> Result<BTreeSet<String>, DbErr> {
    let hosts = host::Entity::find().select_only().column(host::Column::HostId).filter(host::Column::Connected.eq(true));
    Ok(hosts.into_tuple::<String>().all(db).await?.into_iter().collect())
}
