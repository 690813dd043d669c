//! What an operator asks first: what runs, how full the hosts are, and what needs a hand.

use std::collections::HashMap;

use freehold_proto::internal::operator as proto;
use sea_orm::EntityTrait;

use super::{attention, hosts, problems};
use crate::placement;
use crate::store::{Outcome, Store, cluster, fenced_host, instance};

pub async fn status(store: &Store) -> Outcome<proto::Status> {
    let cluster = cluster::Entity::find().one(store.reader()).await?;
    let mut instances: HashMap<String, u32> = HashMap::new();
    for row in instance::Entity::find().all(store.reader()).await? {
        *instances.entry(row.state).or_default() += 1;
    }
    let hosts = hosts::list(store).await?;
    let zones = attention::of_zones(store.settings(), &placement::hosts::load(store.reader()).await?);
    let fenced = attention::of_fenced(&fenced_host::Entity::find().all(store.reader()).await?, store.clock().now_millis());
    let attention = hosts.iter().flat_map(attention::of_host).chain(zones).chain(fenced).collect();
    let problems = problems::of(store, &hosts).await?;
    let (cluster_id, epoch) = cluster.map(|row| (row.cluster_id, row.epoch)).unwrap_or_default();
    let version = env!("CARGO_PKG_VERSION").to_owned();
    Ok(proto::Status { cluster_id, epoch: u64::try_from(epoch).unwrap_or_default(), version, instances, hosts, attention, problems })
}
