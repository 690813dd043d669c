//! Which cluster this is, and how often its scheduler has been started: agents refuse another cluster's orders and an older epoch's.

use freehold_proto::id::request_id;
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel};

use crate::store::{Outcome, Store, cluster};

/// Names the cluster at its first start, and counts every start.
pub async fn begin_epoch(store: &Store) -> Outcome<()> {
    let tx = store.begin("").await?;
    if let Some(row) = cluster::Entity::find().one(tx.db()).await? {
        let epoch = row.epoch + 1;
        cluster::Model { epoch, ..row }.into_active_model().reset_all().update(tx.db()).await?;
    } else {
        let row = cluster::Model { singleton: 1, cluster_id: request_id(tx.entropy()), epoch: 1 };
        row.into_active_model().insert(tx.db()).await?;
    }
    tx.commit().await?;
    Ok(())
}
