//! The feed of changes is kept for those who follow it, and they are never far behind.

use super::Reconciler;
use crate::store::{Outcome, Store, feed};

pub struct PruneChanges;

impl Reconciler for PruneChanges {
    const NAME: &'static str = "prune-changes";
    /// The number up to which changes go.
    type Due = i64;

    async fn due(&self, store: &Store) -> Outcome<Vec<i64>> {
        Ok(feed::outlived(store.reader(), store.clock().now_millis()).await?.into_iter().collect())
    }

    async fn step(&self, store: &Store, up_to: i64) -> Outcome<()> {
        let tx = store.begin("").await?;
        feed::prune(tx.db(), up_to).await?;
        Ok(tx.commit().await?)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sea_orm::EntityTrait;

    use super::PruneChanges;
    use crate::lab::{Agent, Lab, eventually};
    use crate::reconcile::standard::{Rehearsal, Stage};
    use crate::store::entity::change;
    use crate::store::{Kind, feed};

    async fn kept(lab: &Lab) -> Vec<change::Model> {
        change::Entity::find().all(lab.store().reader()).await.expect("rows")
    }

    impl Rehearsal for PruneChanges {
        const WAIT: Duration = Duration::from_millis(feed::KEPT_MILLIS.unsigned_abs());
        /// All that have outlived their use go in one step.
        const DUE: usize = 1;

        /// The newest change is always kept, and a scheduler's start writes a newer one: then it goes, too.
        fn due_after(_: usize) -> usize {
            1
        }

        async fn stage() -> Stage {
            let lab = Lab::new().await;
            let agent = Agent::silent(&lab).await;
            // It has come, and it has stated everything: nothing is written behind the back of what follows.
            let stamped = async || kept(&lab).await.iter().filter(|change| change.id == agent.host_id && change.at.is_some()).count();
            eventually("its session has written all that it writes", async || stamped().await == 2).await;
            let mut tx = lab.store().begin("").await.expect("begin");
            tx.changed(Kind::Host, "stamped");
            tx.commit().await.expect("commit");
            Stage { lab, agent }
        }

        async fn rows(lab: &Lab) -> String {
            format!("{:?}", kept(lab).await)
        }

        async fn outcome(lab: &Lab) -> String {
            format!("the first is kept: {}", kept(lab).await.iter().any(|change| change.sequence == 1))
        }
    }
}
