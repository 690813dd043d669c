//! What an operator asks first: which hosts, how full, and what needs a hand.

use std::collections::{BTreeMap, HashMap};

use freehold_proto::internal::operator as proto;
use sea_orm::{EntityTrait, QueryOrder};

use super::{problems, timestamp};
use crate::store::{Outcome, Store, cluster, host, instance};

/// By host name and id.
pub async fn hosts(store: &Store) -> Outcome<Vec<proto::Host>> {
    let rows = host::Entity::find().order_by_asc(host::Column::Hostname).order_by_asc(host::Column::HostId).all(store.reader()).await?;
    let mut used: BTreeMap<String, Vec<instance::Model>> = BTreeMap::new();
    for row in instance::Entity::find().all(store.reader()).await? {
        if let Some(host_id) = row.host_id.clone() {
            used.entry(host_id).or_default().push(row);
        }
    }
    Ok(rows.into_iter().map(|row| shown(used.remove(&row.host_id).unwrap_or_default(), row)).collect())
}

fn shown(instances: Vec<instance::Model>, row: host::Model) -> proto::Host {
    let here: Vec<_> = instances.into_iter().filter(|instance| instance.state != "terminated").collect();
    let busy = || here.iter().filter(|instance| instance.state != "stopped");
    let drivers: Vec<crate::hosts::Driver> = serde_json::from_str(&row.drivers).unwrap_or_default();
    proto::Host {
        vcpus_used: busy().map(|instance| unsigned(instance.vcpus.into())).sum(),
        memory_mib_used: busy().map(|instance| u64::from(unsigned(instance.memory_mib))).sum(),
        instances: u32::try_from(here.len()).unwrap_or(u32::MAX),
        quarantined: serde_json::from_str(&row.quarantined).unwrap_or_default(),
        drivers: drivers.iter().map(|driver| format!("{}/{}", driver.name, driver.accelerator)).collect(),
        host_id: row.host_id,
        hostname: row.hostname,
        availability_zone: row.availability_zone,
        connected: row.connected,
        last_seen: Some(timestamp(row.last_seen)),
        vcpus: unsigned(row.vcpus),
        memory_mib: u64::from(unsigned(row.memory_mib)),
        version: row.version,
    }
}

fn unsigned(value: i64) -> u32 {
    u32::try_from(value).unwrap_or_default()
}

pub async fn status(store: &Store) -> Outcome<proto::Status> {
    let cluster = cluster::Entity::find().one(store.reader()).await?;
    let mut instances: HashMap<String, u32> = HashMap::new();
    for row in instance::Entity::find().all(store.reader()).await? {
        *instances.entry(row.state).or_default() += 1;
    }
    let hosts = hosts(store).await?;
    let attention = hosts.iter().flat_map(wants).collect();
    let problems = problems::of(store, &hosts).await?;
    let (cluster_id, epoch) = cluster.map(|row| (row.cluster_id, row.epoch)).unwrap_or_default();
    let version = env!("CARGO_PKG_VERSION").to_owned();
    Ok(proto::Status { cluster_id, epoch: u64::try_from(epoch).unwrap_or_default(), version, instances, hosts, attention, problems })
}

/// What a host needs a hand with.
fn wants(host: &proto::Host) -> Vec<String> {
    let name = if host.hostname.is_empty() { &host.host_id } else { &host.hostname };
    let mut wants = Vec::new();
    if !host.connected {
        wants.push(format!(
            "host {name} ({}) is not connected; its {} instances may run unobserved. Start its agent: freehold agent",
            host.host_id, host.instances
        ));
    }
    if !host.quarantined.is_empty() {
        wants.push(format!("host {name} holds guests that the store does not know, kept untouched: {}", host.quarantined.join(", ")));
    }
    wants
}
