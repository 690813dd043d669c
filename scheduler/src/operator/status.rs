//! What an operator asks first: what runs, how full the hosts are, and what needs a hand.

use std::collections::HashMap;

use crate::ec2::message::timestamp;
use freehold_proto::internal::operator as proto;
use sea_orm::{EntityTrait, QueryOrder};

use super::{attention, hosts, problems};
use crate::store::{Outcome, Store, cluster, fenced_host, lease, scheduler};
use crate::{placement, reconcile};

/// As the scheduler `scheduler_id` sees it.
pub async fn status(store: &Store, scheduler_id: &str) -> Outcome<proto::Status> {
    let cluster = cluster::Entity::find().one(store.reader()).await?;
    let instances = instances(store).await?;
    let hosts = hosts::list(store).await?;
    let zones = attention::of_zones(store.settings(), &placement::hosts::load(store.reader()).await?);
    let fenced = attention::of_fenced(&fenced_host::Entity::find().all(store.reader()).await?, store.clock().now_millis());
    store.world().caught_up().await?;
    let lone = attention::of_lone(&store.world().rows());
    let attention = hosts.iter().flat_map(attention::of_host).chain(zones).chain(lone).chain(fenced).collect();
    let problems = problems::of(store, &hosts).await?;
    let (cluster_id, epoch) = cluster.map(|row| (row.cluster_id, row.epoch)).unwrap_or_default();
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let schedulers = schedulers(store, scheduler_id).await?;
    let epoch = u64::try_from(epoch).unwrap_or_default();
    Ok(proto::Status { cluster_id, epoch, version, instances, hosts, attention, problems, schedulers })
}

/// How many there are in each state.
async fn instances(store: &Store) -> Outcome<HashMap<String, u32>> {
    store.world().caught_up().await?;
    let mut counts = HashMap::new();
    for state in store.world().rows().instances.each().map(|row| row.state.as_str()) {
        match counts.get_mut(state) {
            Some(count) => *count += 1,
            None => _ = counts.insert(state.to_owned(), 1),
        }
    }
    Ok(counts)
}

async fn schedulers(store: &Store, own: &str) -> Outcome<Vec<proto::Scheduler>> {
    let rows = scheduler::Entity::find().order_by_asc(scheduler::Column::Started).all(store.reader()).await?;
    let leader = lease::holder(store, reconcile::LEASE).await?;
    let leads = |id: &str| !store.is_shared() || leader.as_deref() == Some(id);
    store.world().caught_up().await?;
    let world = store.world().rows();
    let hosts = |id: &str| world.hosts.each().filter(|host| host.attended_by.as_deref() == Some(id)).count();
    let listed = rows.into_iter().map(|row| proto::Scheduler {
        started: Some(timestamp(row.started)),
        hosts: u32::try_from(hosts(&row.scheduler_id)).unwrap_or(u32::MAX),
        reconciles: leads(&row.scheduler_id),
        answers: row.scheduler_id == own,
        scheduler_id: row.scheduler_id,
    });
    Ok(listed.collect())
}
