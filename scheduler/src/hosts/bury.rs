//! Tombstones: the only way anything on a host is destroyed. Told on connect, on change and every while, until the host has buried it.
//! A guest that the store does not know goes the same way, by the operator's order.

use freehold_proto::internal::host::{Buried, ResourceKind, Tombstone};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ModelTrait, QueryFilter, QueryOrder};

use super::Seat;
use crate::lifecycle::step::{Event, State, step};
use crate::lifecycle::terminate::{self, kind};
use crate::network::nat;
use crate::store::{Outcome, Store, condemned_guest, instance, nat_gateway, tombstone};

/// What stands for a host: guests before their networks.
pub async fn standing(db: &impl ConnectionTrait, host_id: &str) -> Result<Vec<Tombstone>, DbErr> {
    use tombstone::{Column, Entity};
    let rows = Entity::find().filter(Column::HostId.eq(host_id)).order_by_asc(Column::Kind).order_by_asc(Column::Id).all(db).await?;
    let condemned = condemned_guest::Entity::find().filter(condemned_guest::Column::HostId.eq(host_id)).all(db).await?;
    let condemned = condemned.into_iter().map(|row| Tombstone {
        kind: ResourceKind::Instance.into(),
        id: row.instance_id,
        generation: WHATEVER_IT_HOLDS,
    });
    Ok(rows.into_iter().filter_map(message).chain(condemned).collect())
}

/// An operator who has a guest destroyed that the store does not know means whatever the host has of it.
const WHATEVER_IT_HOLDS: u64 = i64::MAX.unsigned_abs();

fn message(row: tombstone::Model) -> Option<Tombstone> {
    let kind = match row.kind.as_str() {
        kind::INSTANCE => ResourceKind::Instance,
        kind::VPC => ResourceKind::Vpc,
        kind::SECURITY_GROUP => ResourceKind::SecurityGroup,
        kind::NAT_GATEWAY => ResourceKind::NatGateway,
        _ => return None,
    };
    Some(Tombstone { kind: kind.into(), id: row.id, generation: u64::try_from(row.generation).unwrap_or_default() })
}

/// The host has carried one out. A burial that nobody ordered, or of an older order, changes nothing.
pub async fn apply(store: &Store, seat: &Seat, buried: &Buried) -> Outcome<()> {
    let host_id = seat.host_id();
    let kind = match buried.kind() {
        ResourceKind::Instance => kind::INSTANCE,
        ResourceKind::Vpc => kind::VPC,
        ResourceKind::SecurityGroup => kind::SECURITY_GROUP,
        ResourceKind::NatGateway => kind::NAT_GATEWAY,
        ResourceKind::Volume | ResourceKind::Unspecified => return Ok(()),
    };
    if kind == kind::INSTANCE && buried.generation >= WHATEVER_IT_HOLDS {
        return obeyed(store, host_id, &buried.id).await;
    }
    let key = (host_id.to_owned(), kind.to_owned(), buried.id.clone());
    let ordered = |row: &tombstone::Model| i64::try_from(buried.generation).is_ok_and(|generation| generation >= row.generation);
    let Some(seen) = tombstone::Entity::find_by_id(key.clone()).one(store.reader()).await?.filter(ordered) else { return Ok(()) };
    let mut tx = store.begin(&seen.account_id).await?;
    if !seat.is_held(&tx).await? {
        return Ok(());
    }
    let Some(row) = tombstone::Entity::find_by_id(key).one(tx.db()).await?.filter(ordered) else { return Ok(()) };
    row.delete(tx.db()).await?;
    if kind == kind::INSTANCE
        && let Some(row) = instance::Entity::find_by_id(&buried.id).one(tx.db()).await?
        && row.state()? != State::Terminated
        && step(row.state()?, Event::Gone).is_ok()
    {
        terminate::finish(&mut tx, row).await?;
    }
    if kind == kind::NAT_GATEWAY
        && let Some(row) = nat_gateway::Entity::find_by_id(&buried.id).one(tx.db()).await?
        && row.state == nat::state::DELETING
        && row.host_id.as_deref() == Some(host_id)
    {
        nat::finish(&mut tx, row).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// The operator's order is carried out.
async fn obeyed(store: &Store, host_id: &str, instance_id: &str) -> Outcome<()> {
    let key = (host_id.to_owned(), instance_id.to_owned());
    if condemned_guest::Entity::find_by_id(key.clone()).one(store.reader()).await?.is_none() {
        return Ok(());
    }
    let tx = store.begin("").await?;
    condemned_guest::Entity::delete_by_id(key).exec(tx.db()).await?;
    tx.commit().await?;
    tracing::warn!(host = host_id, instance_id, "a quarantined guest was destroyed, as the operator ordered");
    Ok(())
}
