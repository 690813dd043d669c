//! Why a request found no place is remembered for a day.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::Reconciler;
use crate::placement::reasons::KEPT_MILLIS;
use crate::store::{Outcome, Store, refused_placement};

pub struct ForgetRefusals;

impl Reconciler for ForgetRefusals {
    const NAME: &'static str = "forget-refusals";
    type Due = refused_placement::Model;

    async fn due(&self, store: &Store) -> Outcome<Vec<refused_placement::Model>> {
        let past = store.clock().now_millis() - KEPT_MILLIS;
        Ok(refused_placement::Entity::find().filter(refused_placement::Column::Created.lte(past)).all(store.reader()).await?)
    }

    async fn step(&self, store: &Store, old: refused_placement::Model) -> Outcome<()> {
        let tx = store.begin(&old.account_id).await?;
        refused_placement::Entity::delete_many()
            .filter(refused_placement::Column::RequestId.eq(&old.request_id))
            .filter(refused_placement::Column::Created.eq(old.created))
            .exec(tx.db())
            .await?;
        Ok(tx.commit().await?)
    }
}
