//! An address that was taken from a NAT gateway is given back when its drain is over.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect, QueryTrait};

use super::Reconciler;
use crate::network::nat::{address, state};
use crate::store::nat_gateway_address::{Column, Entity, Model};
use crate::store::{Outcome, Store, nat_gateway};

pub struct ReleaseNatGatewayAddresses;

impl Reconciler for ReleaseNatGatewayAddresses {
    const NAME: &'static str = "release-nat-gateway-addresses";
    type Due = Model;

    /// Those of a gateway that is deleted go with it.
    async fn due(&self, store: &Store) -> Outcome<Vec<Model>> {
        let standing = nat_gateway::Entity::find().filter(nat_gateway::Column::State.is_in(state::STANDING));
        let standing = standing.select_only().column(nat_gateway::Column::NatGatewayId).into_query();
        let over = Entity::find().filter(Column::Until.lte(store.clock().now_millis()));
        Ok(over.filter(Column::NatGatewayId.in_subquery(standing)).all(store.reader()).await?)
    }

    async fn step(&self, store: &Store, seen: Model) -> Outcome<()> {
        let mut tx = store.begin(&seen.account_id).await?;
        let key = (seen.nat_gateway_id.clone(), seen.number);
        let Some(row) = Entity::find_by_id(key).one(tx.db()).await?.filter(|row| *row == seen) else { return Ok(()) };
        address::release(&mut tx, row).await?;
        Ok(tx.commit().await?)
    }
}
