//! The schedulers of one store. Each has a row and keeps it alive; the hosts whose sessions it holds name it in theirs.
//!
//! ```text
//!   enter ──▶ row ──▶ beat, beat, beat …  ──▶ leave: no host attends it, no row
//!                       └─ a row that stands still: whoever sees that first says that its hosts are not connected, and removes it
//! ```
//!
//! A scheduler that has a store to itself writes no beats: at its start there is no other, whatever the rows of the last one say.
//!
//! A host's row can not name a scheduler without a row (a foreign key), so that one that stood still and was taken for gone can not go on
//! with its sessions: its next beat tells it, and it hangs up on them.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use freehold_proto::Fault;
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};

use crate::hosts::{self, Hosts};
use crate::store::lease::{self, Watch};
use crate::store::{Outcome, Store, Tx, console_question, host, scheduler};

/// What no account owns is written on behalf of nobody.
const NOBODY: &str = "";

/// Thrice before others take it for gone.
const BEAT: Duration = Duration::from_millis(1500);

/// A question that is older has nobody waiting for its answer.
const QUESTION_KEPT_MILLIS: i64 = 60_000;

/// A scheduler that starts. One that has a store to itself buries the last one: whoever does not come back is silent from now on, since
/// nobody has looked before.
pub async fn enter(store: &Store, scheduler_id: &str) -> Outcome<()> {
    let tx = store.begin(NOBODY).await?;
    if !store.is_shared() {
        for last in others(&tx, scheduler_id).await? {
            bury(&tx, &last.scheduler_id).await?;
        }
    }
    row(scheduler_id, &tx, 0).into_active_model().insert(tx.db()).await?;
    Ok(tx.commit().await?)
}

/// A scheduler that stops, after it has hung up on its hosts.
pub async fn leave(store: &Store, scheduler_id: &str) -> Outcome<()> {
    let tx = store.begin(NOBODY).await?;
    bury(&tx, scheduler_id).await?;
    Ok(tx.commit().await?)
}

/// What a scheduler does every while: says that it is there, and looks at who else is.
pub struct Pulse {
    store: Arc<Store>,
    hosts: Arc<Hosts>,
    watch: Watch,
    last: Option<i64>,
}

impl Pulse {
    pub fn new(store: Arc<Store>, hosts: Arc<Hosts>) -> Self {
        Self { store, hosts, watch: Watch::default(), last: None }
    }

    /// Beats for as long as it is waited for.
    pub async fn keep(mut self) {
        let mut failing = false;
        loop {
            tokio::time::sleep(BEAT).await;
            match self.once().await {
                Ok(()) => failing = false,
                Err(failure) if !std::mem::replace(&mut failing, true) => {
                    let fault = Fault::from(failure);
                    tracing::error!(%fault, source = ?fault.source, "this scheduler can not say that it is there and tries again: see to the database");
                }
                Err(_) => {}
            }
        }
    }

    pub async fn once(&mut self) -> Outcome<()> {
        if self.store.is_shared() && !self.beat().await? {
            tracing::warn!("this scheduler stood still for so long that another took it for gone; its hosts attend anew");
            self.hosts.hang_up();
        }
        hosts::write_down_who_left(&self.store, &self.hosts).await
    }

    /// False: this scheduler was taken for gone itself, and no host attends it any more.
    async fn beat(&mut self) -> Outcome<bool> {
        let tx = self.store.begin(NOBODY).await?;
        let scheduler_id = self.hosts.scheduler_id();
        let own = scheduler::Entity::find_by_id(scheduler_id).one(tx.db()).await?;
        let known = own.is_some();
        match own {
            Some(own) => scheduler::Model { beat: own.beat + 1, ..own }.into_active_model().reset_all().update(tx.db()).await?,
            None => row(scheduler_id, &tx, 0).into_active_model().insert(tx.db()).await?,
        };
        // Whoever slept, or could not reach the store, has not seen whether others could.
        if self.last.is_none_or(|last| !(0..lease::LIFETIME_MILLIS).contains(&(tx.now() - last))) {
            self.watch.forget();
        }
        self.last = Some(tx.now());
        for other in others(&tx, scheduler_id).await? {
            if self.watch.is_over(&other.scheduler_id, other.beat, tx.now()) {
                let hosts = bury(&tx, &other.scheduler_id).await?;
                tracing::warn!(
                    scheduler = other.scheduler_id,
                    hosts,
                    "another scheduler is gone; its hosts are shown as away until they attend"
                );
            }
        }
        console_question::Entity::delete_many()
            .filter(console_question::Column::Asked.lt(tx.now() - QUESTION_KEPT_MILLIS))
            .exec(tx.db())
            .await?;
        tx.commit().await?;
        Ok(known)
    }
}

fn row(scheduler_id: &str, tx: &Tx, beat: i64) -> scheduler::Model {
    scheduler::Model { scheduler_id: scheduler_id.to_owned(), started: tx.now(), beat }
}

async fn others(tx: &Tx, scheduler_id: &str) -> Outcome<Vec<scheduler::Model>> {
    Ok(scheduler::Entity::find().filter(scheduler::Column::SchedulerId.ne(scheduler_id)).all(tx.db()).await?)
}

/// How many hosts attended it.
async fn bury(tx: &Tx, scheduler_id: &str) -> Outcome<u64> {
    let hosts = host::Entity::update_many()
        .col_expr(host::Column::Connected, Expr::value(false))
        .col_expr(host::Column::AttendedBy, Expr::value(None::<String>))
        .col_expr(host::Column::LastSeen, Expr::value(tx.now()))
        .filter(host::Column::AttendedBy.eq(scheduler_id))
        .exec(tx.db())
        .await?;
    scheduler::Entity::delete_by_id(scheduler_id).exec(tx.db()).await?;
    Ok(hosts.rows_affected)
}
