//! A VPC peering request that nobody answers expires, and one that has ended is shown for a while and then forgotten.

use super::Reconciler;
use crate::network::peering;
use crate::store::vpc_peering_connection::Model;
use crate::store::{Outcome, Store};

pub struct SettlePeerings;

impl Reconciler for SettlePeerings {
    const NAME: &'static str = "settle-peerings";
    type Due = Model;

    async fn due(&self, store: &Store) -> Outcome<Vec<Model>> {
        Ok(peering::unsettled(store.reader(), store.clock().now_millis()).await?)
    }

    async fn step(&self, store: &Store, due: Model) -> Outcome<()> {
        let mut tx = store.begin(&due.account_id).await?;
        peering::settle(&mut tx, &due.vpc_peering_connection_id).await?;
        Ok(tx.commit().await?)
    }
}
