//! A NAT gateway without a host, or on one that is to take nothing new, gets another one as soon as there is one.

use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect, QueryTrait};

use super::Reconciler;
use crate::network::nat::{self, state};
use crate::store::nat_gateway::{Column, Entity, Model};
use crate::store::{Outcome, Store, host};

/// A host that went for a moment is back by then.
const PATIENCE_MILLIS: i64 = 5_000;

pub struct PlaceNatGateways;

impl Reconciler for PlaceNatGateways {
    const NAME: &'static str = "place-nat-gateways";
    type Due = Model;

    /// Only while its zone has a host that would take it.
    async fn due(&self, store: &Store) -> Outcome<Vec<Model>> {
        let past = store.clock().now_millis() - PATIENCE_MILLIS;
        let taking = host::Entity::find().filter(host::Column::Connected.eq(true)).filter(host::Column::DrainedSince.is_null());
        let zones = taking.select_only().column(host::Column::AvailabilityZone).into_query();
        let drained = host::Entity::find().filter(host::Column::DrainedSince.lte(past));
        let drained = drained.select_only().column(host::Column::HostId).into_query();
        let stranded = Condition::any().add(Column::HostId.is_null()).add(Column::HostId.in_subquery(drained));
        let standing = Entity::find().filter(Column::State.is_in(state::STANDING)).filter(Column::Since.lte(past));
        Ok(standing.filter(stranded).filter(Column::AvailabilityZone.in_subquery(zones)).all(store.reader()).await?)
    }

    async fn step(&self, store: &Store, seen: Model) -> Outcome<()> {
        let mut tx = store.begin(&seen.account_id).await?;
        // Placed by somebody else, or deleted, meanwhile.
        let Some(row) = Entity::find_by_id(&seen.nat_gateway_id).one(tx.db()).await?.filter(|row| *row == seen) else { return Ok(()) };
        nat::move_on(&mut tx, row).await?;
        Ok(tx.commit().await?)
    }
}
