//! A terminated instance is shown for an hour, and then forgotten.

use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};

use super::Reconciler;
use crate::store::{Outcome, Store, instance, reservation, tag};

/// Source: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/terminating-instances.html>.
pub const SHOWN_MILLIS: i64 = 60 * 60 * 1000;

pub struct ReapTerminated;

impl Reconciler for ReapTerminated {
    const NAME: &'static str = "reap-terminated";
    /// A row that is past its hour.
    type Due = instance::Model;

    async fn due(&self, store: &Store) -> Outcome<Vec<instance::Model>> {
        let past = store.clock().now_millis() - SHOWN_MILLIS;
        Ok(instance::Entity::find().filter(instance::Column::TerminatedAt.lte(past)).all(store.reader()).await?)
    }

    async fn step(&self, store: &Store, past: instance::Model) -> Outcome<()> {
        let tx = store.begin(&past.account_id).await?;
        tag::Entity::delete_many()
            .filter(tag::Column::AccountId.eq(&past.account_id))
            .filter(tag::Column::ResourceId.eq(&past.instance_id))
            .exec(tx.db())
            .await?;
        instance::Entity::delete_by_id(&past.instance_id).exec(tx.db()).await?;
        let left = instance::Entity::find().filter(instance::Column::ReservationId.eq(&past.reservation_id)).count(tx.db()).await?;
        if left == 0 {
            reservation::Entity::delete_by_id(&past.reservation_id).exec(tx.db()).await?;
        }
        Ok(tx.commit().await?)
    }
}
