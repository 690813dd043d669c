//! Instances with their interfaces, volumes, tags and their host.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sea_orm::{ConnectionTrait, DbErr, EntityTrait, JoinType, QuerySelect, SelectTwo};

use super::interfaces::{InterfaceView, hang_on};
use super::volumes::VolumeView;
use super::{Select, View, chosen, chosen_pairs};
use crate::store::{
    Rows, host, instance, network_interface, network_interface_attachment, placement_group, tag, volume, volume_attachment,
};

/// An instance as Describe shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceView {
    pub instance: Arc<instance::Model>,
    /// By device index.
    pub interfaces: Vec<InterfaceView>,
    /// The root volume first.
    pub volumes: Vec<VolumeView>,
    pub tags: BTreeMap<String, String>,
    pub placement_group: Option<Arc<placement_group::Model>>,
    /// Where it is, if it is anywhere.
    pub host: Option<Arc<host::Model>>,
    /// Whether the agent of its host is there to vouch for what was observed.
    pub host_connected: bool,
    /// Since when it is, or when it was last there.
    pub host_last_seen: Option<i64>,
}

impl View for InstanceView {
    fn one(rows: &Rows, account: &str, id: &str) -> Option<Self> {
        let instance = rows.instances.one(id).filter(|row| row.account_id == account)?;
        let host = instance.host_id.as_deref().and_then(|id| rows.hosts.one(id));
        Some(Self {
            interfaces: InterfaceView::of_instance(rows, id),
            volumes: VolumeView::of_instance(rows, id),
            tags: rows.tags_of(account, id),
            placement_group: instance.placement_group_id.as_deref().and_then(|id| rows.placement_groups.one(id)).cloned(),
            host: host.cloned(),
            host_connected: host.is_some_and(|host| host.connected),
            host_last_seen: host.map(|host| host.last_seen),
            instance: Arc::clone(instance),
        })
    }

    fn ids<'a>(rows: &'a Rows, account: &'a str, after: Option<&'a str>) -> Box<dyn Iterator<Item = &'a str> + 'a> {
        Box::new(rows.instances.of(account, after))
    }

    fn id(&self) -> &str {
        &self.instance.instance_id
    }
}

/// Some instances as a transaction sees them, by reservation, launch index and id. The number of queries does not grow with theirs, and is
/// small, since each is a trip to the connection's own thread: what a row has at most one of comes with it by a join.
pub async fn load(db: &impl ConnectionTrait, ids: Vec<String>) -> Result<Vec<InstanceView>, DbErr> {
    let select = Select::Ids(ids);
    let mut rows = Rows::default();
    let (instances, hosts) = chosen_pairs(db, placed(), instance::Column::InstanceId, &select).await?;
    let groups: BTreeSet<String> = instances.iter().filter_map(|row| row.placement_group_id.clone()).collect();
    if !groups.is_empty() {
        let select = Select::Ids(groups.into_iter().collect());
        rows.placement_groups.add(chosen(db, placement_group::Entity::find(), placement_group::Column::GroupId, &select).await?);
    }
    rows.instances.add(instances);
    rows.hosts.add(hosts);
    load_interfaces(db, &mut rows, &select).await?;
    let (attachments, volumes) = chosen_pairs(db, attached_volumes(), volume_attachment::Column::InstanceId, &select).await?;
    rows.volume_attachments.add(attachments);
    rows.volumes.add(volumes);
    rows.tags.add(chosen(db, tag::Entity::find(), tag::Column::ResourceId, &select).await?);
    let views = rows.instances.values().filter_map(|row| InstanceView::one(&rows, &row.account_id, &row.instance_id));
    let mut views: Vec<InstanceView> = views.collect();
    views.sort_by(|a, b| order(a).cmp(&order(b)));
    Ok(views)
}

fn order(view: &InstanceView) -> (&str, i32, &str) {
    let row = &view.instance;
    (&row.reservation_id, row.ami_launch_index, &row.instance_id)
}

async fn load_interfaces(db: &impl ConnectionTrait, rows: &mut Rows, instances: &Select) -> Result<(), DbErr> {
    let by_instance = network_interface_attachment::Column::InstanceId;
    let (attachments, interfaces) = chosen_pairs(db, attached_interfaces(), by_instance, instances).await?;
    rows.network_interface_attachments.add(attachments);
    hang_on(db, rows, interfaces).await
}

fn placed() -> SelectTwo<instance::Entity, host::Entity> {
    let host = instance::Entity::belongs_to(host::Entity).from(instance::Column::HostId).to(host::Column::HostId);
    instance::Entity::find().join(JoinType::LeftJoin, host.into()).select_also(host::Entity)
}

fn attached_interfaces() -> SelectTwo<network_interface_attachment::Entity, network_interface::Entity> {
    use network_interface_attachment::{Column, Entity};
    let interface = Entity::belongs_to(network_interface::Entity).from(Column::NetworkInterfaceId);
    let interface = interface.to(network_interface::Column::NetworkInterfaceId);
    Entity::find().join(JoinType::InnerJoin, interface.into()).select_also(network_interface::Entity)
}

fn attached_volumes() -> SelectTwo<volume_attachment::Entity, volume::Entity> {
    use volume_attachment::{Column, Entity};
    let volume = Entity::belongs_to(volume::Entity).from(Column::VolumeId).to(volume::Column::VolumeId);
    Entity::find().join(JoinType::InnerJoin, volume.into()).select_also(volume::Entity)
}
