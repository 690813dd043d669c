//! Guests that hosts keep and the store does not know: they are left alone until the operator says otherwise.

use std::collections::BTreeMap;

use freehold_proto::ErrorCode;
use freehold_proto::internal::operator as proto;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder};

use super::{hosts, timestamp};
use crate::lifecycle::step::State;
use crate::store::{Failure, Kind, Outcome, Store, condemned_guest, host, instance};

/// By host and id.
pub async fn list(store: &Store) -> Outcome<Vec<proto::Quarantined>> {
    let db = store.reader();
    let condemned = condemned_guest::Entity::find().all(db).await?;
    let condemned: BTreeMap<_, _> = condemned.into_iter().map(|row| ((row.host_id, row.instance_id), row.created)).collect();
    let mut guests = Vec::new();
    for row in host::Entity::find().order_by_asc(host::Column::HostId).all(db).await? {
        let ids = quarantined(&row);
        let known = instance::Entity::find().filter(instance::Column::InstanceId.is_in(&ids)).all(db).await?;
        let known: BTreeMap<_, _> = known.into_iter().map(|known| (known.instance_id, known.state)).collect();
        guests.extend(ids.into_iter().map(|instance_id| proto::Quarantined {
            host_id: row.host_id.clone(),
            hostname: row.hostname.clone(),
            known_as: known.get(&instance_id).cloned().unwrap_or_default(),
            condemned: condemned.get(&(row.host_id.clone(), instance_id.clone())).copied().map(timestamp),
            connected: row.connected,
            instance_id,
        }));
    }
    Ok(guests)
}

fn quarantined(row: &host::Model) -> Vec<String> {
    serde_json::from_str(&row.quarantined).unwrap_or_default()
}

/// Orders the host to destroy it: a tombstone, repeated until it is carried out. Ordering it twice is ordering it once.
pub async fn destroy(store: &Store, request: &proto::DestroyQuarantinedRequest) -> Outcome<()> {
    let mut tx = store.begin("").await?;
    let row = hosts::find(tx.db(), &request.host).await?;
    let id = &request.instance_id;
    let refuse = |why: String| Err(Failure::refuse(ErrorCode::IncorrectState, why));
    if !quarantined(&row).contains(id) {
        return refuse(format!("The host {} keeps no guest '{id}' in quarantine. `freehold host quarantine ls` lists them.", row.host_id));
    }
    let known = instance::Entity::find_by_id(id).filter(instance::Column::HostId.eq(&row.host_id)).one(tx.db()).await?;
    if known.is_some_and(|known| known.state != State::Terminated.as_str()) {
        return refuse(format!("The store knows the instance '{id}' on this host: its account can terminate it."));
    }
    let key = (row.host_id.clone(), id.clone());
    if condemned_guest::Entity::find_by_id(key).one(tx.db()).await?.is_none() {
        let order = condemned_guest::Model { host_id: row.host_id.clone(), instance_id: id.clone(), created: tx.now() };
        order.into_active_model().insert(tx.db()).await?;
    }
    tx.changed(Kind::Tombstone, row.host_id.clone());
    tx.commit().await?;
    tracing::warn!(host = row.host_id, instance_id = id, "the operator has a quarantined guest destroyed");
    Ok(())
}
