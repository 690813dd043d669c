//! A NAT gateway that was deleted or has failed is shown for an hour, and then forgotten.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::Reconciler;
use super::reap_terminated::SHOWN_MILLIS;
use crate::network::nat;
use crate::store::nat_gateway::{Column, Entity, Model};
use crate::store::{Outcome, Store};

pub struct ForgetNatGateways;

impl Reconciler for ForgetNatGateways {
    const NAME: &'static str = "forget-nat-gateways";
    type Due = Model;

    async fn due(&self, store: &Store) -> Outcome<Vec<Model>> {
        let past = store.clock().now_millis() - SHOWN_MILLIS;
        Ok(Entity::find().filter(Column::Ended.lte(past)).all(store.reader()).await?)
    }

    async fn step(&self, store: &Store, past: Model) -> Outcome<()> {
        let tx = store.begin(&past.account_id).await?;
        nat::forget(&tx, past).await?;
        Ok(tx.commit().await?)
    }
}
