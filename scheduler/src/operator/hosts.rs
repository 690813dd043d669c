//! Hosts as the operator sees and handles them: listed, drained, removed.

use freehold_proto::ErrorCode;
use freehold_proto::id::HostId;
use freehold_proto::internal::operator as proto;
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, ModelTrait, QueryFilter, QueryOrder};

use super::timestamp;
use crate::Overcommit;
use crate::lifecycle::step::State;
use crate::lifecycle::{terminate, transition};
use crate::network::nat;
use crate::parts;
use crate::placement::promised;
use crate::store::{Failure, Kind, Outcome, Store, Tx, condemned_guest, fenced_host, host, instance, nat_gateway, tombstone, volume};

/// What no account owns is written on behalf of nobody.
const NOBODY: &str = "";

/// Ids that a sentence names before it only counts.
const NAMED: usize = 5;

/// By name and id.
pub async fn list(store: &Store) -> Outcome<Vec<proto::Host>> {
    let rows = host::Entity::find().order_by_asc(host::Column::Hostname).order_by_asc(host::Column::HostId).all(store.reader()).await?;
    Ok(rows.into_iter().map(|row| shown(row, store.settings().overcommit)).collect())
}

fn shown(row: host::Model, overcommit: Overcommit) -> proto::Host {
    let drivers: Vec<crate::hosts::Driver> = serde_json::from_str(&row.drivers).unwrap_or_default();
    proto::Host {
        vcpus_used: unsigned32(row.vcpus_used),
        vcpus_promised: unsigned(promised(row.vcpus, overcommit.vcpus)),
        memory_mib_used: unsigned(row.memory_mib_used),
        memory_mib_promised: unsigned(promised(row.memory_mib, overcommit.memory)),
        disk_mib: unsigned(row.disk_mib),
        disk_mib_used: unsigned(row.disk_mib_used),
        disk_mib_promised: unsigned(promised(row.disk_mib, overcommit.disk)),
        instances: unsigned32(row.instances),
        quarantined: serde_json::from_str(&row.quarantined).unwrap_or_default(),
        drivers: drivers.iter().map(|driver| format!("{}/{}", driver.name, driver.accelerator)).collect(),
        host_id: row.host_id,
        hostname: row.hostname,
        availability_zone: row.availability_zone,
        connected: row.connected,
        last_seen: Some(timestamp(row.last_seen)),
        vcpus: unsigned32(row.vcpus),
        memory_mib: unsigned(row.memory_mib),
        version: row.version,
        drained_since: row.drained_since.map(timestamp),
        instance_types: row.instance_types.and_then(|names| serde_json::from_str(&names).ok()).unwrap_or_default(),
    }
}

fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or_default()
}

fn unsigned32(value: i64) -> u32 {
    u32::try_from(value).unwrap_or_default()
}

/// The host that an operator means: by id, or by a name that only one has.
pub async fn find(db: &impl ConnectionTrait, meant: &str) -> Outcome<host::Model> {
    // What a host calls itself is its own choice: an id means the host that has it, and nobody who says so.
    let meant_by = if HostId::parse(meant).is_ok() { host::Column::HostId } else { host::Column::Hostname };
    let mut found = host::Entity::find().filter(meant_by.eq(meant)).order_by_asc(host::Column::HostId).all(db).await?;
    match found.len() {
        0 => Err(refuse(format!("There is no host '{meant}'. `freehold host ls` lists them."))),
        1 => Ok(found.remove(0)),
        _ => {
            let ids = some(found.into_iter().map(|row| row.host_id));
            Err(refuse(format!("Several hosts are called '{meant}': {ids}. Say which by its id.")))
        }
    }
}

fn refuse(message: String) -> Failure {
    Failure::refuse(ErrorCode::IncorrectState, message)
}

/// `a, b and 7 more`
fn some(ids: impl IntoIterator<Item = String>) -> String {
    let mut ids: Vec<String> = ids.into_iter().collect();
    let more = ids.len().saturating_sub(NAMED);
    ids.truncate(NAMED);
    let named = ids.join(", ");
    if more == 0 { named } else { format!("{named} and {more} more") }
}

/// It takes nothing new, or does again. Draining twice keeps the first hour.
pub async fn drain(store: &Store, request: &proto::DrainHostRequest) -> Outcome<proto::Host> {
    let mut tx = store.begin(NOBODY).await?;
    let row = find(tx.db(), &request.host).await?;
    let drained_since = if request.undrain { None } else { row.drained_since.or(Some(tx.now())) };
    host::Entity::update_many()
        .col_expr(host::Column::DrainedSince, Expr::value(drained_since))
        .filter(host::Column::HostId.eq(&row.host_id))
        .exec(tx.db())
        .await?;
    tx.changed(Kind::Host, row.host_id.clone());
    tx.commit().await?;
    Ok(shown(host::Model { drained_since, ..row }, store.settings().overcommit))
}

/// Forgets a host that holds nothing, or gives up one that will never return with all that it held.
pub async fn remove(store: &Store, request: &proto::RemoveHostRequest) -> Outcome<proto::RemoveHostResponse> {
    let mut tx = store.begin(NOBODY).await?;
    let row = find(tx.db(), &request.host).await?;
    let instances = instance::Entity::find().filter(instance::Column::HostId.eq(&row.host_id)).all(tx.db()).await?;
    check(&tx, &row, &instances, request.lost).await?;
    let mut terminated_instances = Vec::new();
    for instance in instances {
        if instance.state()? != State::Terminated {
            terminated_instances.push(instance.instance_id.clone());
        }
        transition::lose_host(&mut tx, instance).await?;
    }
    nat::lose_host(&mut tx, &row.host_id).await?;
    let lost_volumes = lose_volumes(&tx, &row.host_id).await?;
    forget(&mut tx, &row, request.lost).await?;
    let answer = proto::RemoveHostResponse { host_id: row.host_id, hostname: row.hostname, terminated_instances, lost_volumes };
    if request.dry_run {
        tx.rollback().await?;
        return Ok(answer);
    }
    tx.commit().await?;
    tracing::warn!(host = answer.host_id, lost = request.lost, terminated = answer.terminated_instances.len(), "a host was removed");
    Ok(answer)
}

/// Refuses what would lose something that is not lost, and says what to do instead.
async fn check(tx: &Tx, row: &host::Model, instances: &[instance::Model], lost: bool) -> Outcome<()> {
    let host::Model { host_id, hostname, .. } = row;
    if lost {
        // Also one that is connected: whoever holds it may be no friend, and its session ends with its row.
        return Ok(());
    }
    if row.connected {
        return Err(refuse(format!(
            "The host {host_id} ({hostname}) is connected. Stop its agent first: on it, `freehold down`, or `systemctl stop freehold-agent`. \
             If it is in wrong hands: `freehold host rm {host_id} --lost` gives up what it holds and lets it in no more."
        )));
    }
    let held = instances.iter().filter(|row| row.state != State::Terminated.as_str()).map(|row| row.instance_id.clone());
    let volumes = volume::Entity::find().filter(volume::Column::HostId.eq(host_id)).all(tx.db()).await?;
    let gateways = nat_gateway::Entity::find().filter(nat_gateway::Column::HostId.eq(host_id)).all(tx.db()).await?;
    let quarantined: Vec<String> = serde_json::from_str(&row.quarantined).unwrap_or_default();
    let networks = tombstone::Entity::find()
        .filter(tombstone::Column::HostId.eq(host_id))
        .filter(tombstone::Column::Kind.ne(terminate::kind::INSTANCE))
        .order_by_asc(tombstone::Column::Id);
    let networks = networks.all(tx.db()).await?.into_iter().map(|order| order.id);
    let mut holds: Vec<(&str, Vec<String>)> = vec![
        ("instances", held.collect()),
        ("volumes", volumes.into_iter().map(|volume| volume.volume_id).collect()),
        ("guests that the store does not know", quarantined),
        ("NAT gateways", gateways.into_iter().map(|row| row.nat_gateway_id).collect()),
        // Without its order nobody would ever take them away, should the same agent come back.
        ("networks that are still to be buried", networks.collect()),
    ];
    holds.retain(|(_, ids)| !ids.is_empty());
    if holds.is_empty() {
        return Ok(());
    }
    let holds: Vec<String> = holds.into_iter().map(|(kind, ids)| format!("{} {kind} ({})", ids.len(), some(ids))).collect();
    Err(refuse(format!(
        "The host {host_id} ({hostname}) still holds {}. If it comes back: start its agent, drain it, and terminate what it holds. If it will \
         never return: `freehold host rm {host_id} --lost` gives up what it held.",
        holds.join(" and ")
    )))
}

/// What is left of the volumes on the host once its instances have ended: those that were to outlive them. Their bytes are gone.
async fn lose_volumes(tx: &Tx, host_id: &str) -> Outcome<Vec<String>> {
    let left =
        volume::Entity::find().filter(volume::Column::HostId.eq(host_id)).order_by_asc(volume::Column::VolumeId).all(tx.db()).await?;
    volume::Entity::update_many()
        .col_expr(volume::Column::Lost, Expr::value(true))
        .col_expr(volume::Column::HostId, Expr::value(Option::<String>::None))
        .filter(volume::Column::HostId.eq(host_id))
        .exec(tx.db())
        .await?;
    Ok(left.into_iter().map(|volume| volume.volume_id).collect())
}

/// Its orders die with it. One that was given up is remembered, so that it is not let in again.
async fn forget(tx: &mut Tx, row: &host::Model, lost: bool) -> Outcome<()> {
    // It renews no certificate any more, and is not let in with the one it has.
    parts::remove(tx, freehold_link::identity::Kind::Host, &row.host_id).await?;
    let host_id = &row.host_id;
    tombstone::Entity::delete_many().filter(tombstone::Column::HostId.eq(host_id)).exec(tx.db()).await?;
    condemned_guest::Entity::delete_many().filter(condemned_guest::Column::HostId.eq(host_id)).exec(tx.db()).await?;
    row.clone().delete(tx.db()).await?;
    if lost {
        let fenced = fenced_host::Model {
            host_id: host_id.clone(),
            hostname: row.hostname.clone(),
            availability_zone: row.availability_zone.clone(),
            created: tx.now(),
            knocked: None,
        };
        fenced.into_active_model().insert(tx.db()).await?;
    }
    tx.changed(Kind::Host, host_id.clone());
    Ok(())
}
