//! What time alone makes due. Input-less, level-triggered, idempotent: a pass reads what is due now and does it, one transaction per
//! step, so that a crash between any two loses nothing and a pass with nothing due writes nothing.
//!
//! Woken by a timer and, so that nobody waits for it, by the store's changes: at most once per [`SETTLE`], and once only however many
//! changes there were or were missed. What hosts must do is no reconciler's business: their sessions
//! follow the rows (see [`crate::hosts`]).

mod forget_client_tokens;
mod forget_nat_gateways;
mod forget_refusals;
#[cfg(test)]
mod gateways_tests;
mod give_up_launches;
mod lead;
#[cfg(test)]
mod peerings_tests;
mod place_nat_gateways;
mod prune_changes;
mod reap_terminated;
mod release_nat_gateway_addresses;
mod settle_peerings;
#[cfg(test)]
mod standard;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use freehold_proto::Fault;

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::store::{Change, Outcome, Store};

pub use forget_client_tokens::ForgetClientTokens;
pub use forget_nat_gateways::ForgetNatGateways;
pub use forget_refusals::ForgetRefusals;
pub use give_up_launches::GiveUpLaunches;
pub use lead::NAME as LEASE;
pub use place_nat_gateways::PlaceNatGateways;
pub use prune_changes::PruneChanges;
pub use reap_terminated::ReapTerminated;
pub use release_nat_gateway_addresses::ReleaseNatGatewayAddresses;
pub use settle_peerings::SettlePeerings;

/// How often each looks, also if nothing wakes it.
const PERIOD: Duration = Duration::from_mins(1);

/// What changes in a burst is looked at together.
const SETTLE: Duration = Duration::from_secs(1);

/// After a failure the store is left alone for this long.
const PAUSE: Duration = Duration::from_secs(5);

/// One kind of work that comes due.
pub trait Reconciler: Send + Sync {
    const NAME: &'static str;
    type Due: Send;

    /// What is due now.
    fn due(&self, store: &Store) -> impl Future<Output = Outcome<Vec<Self::Due>>> + Send;

    /// Does one of them, durably. Finding it done already is success.
    fn step(&self, store: &Store, due: Self::Due) -> impl Future<Output = Outcome<()>> + Send;
}

/// Does everything that is due now, and says how much that was.
pub async fn pass<R: Reconciler>(reconciler: &R, store: &Store) -> Outcome<usize> {
    let due = reconciler.due(store).await?;
    let count = due.len();
    for one in due {
        reconciler.step(store, one).await?;
    }
    Ok(count)
}

async fn repeat<R: Reconciler>(reconciler: R, store: Arc<Store>) {
    // From before the first look, so that nothing falls in between.
    let mut changes = store.follow();
    let mut woken_at = Instant::now();
    loop {
        let outcome = pass(&reconciler, &store).await;
        store.metrics().reconciled(R::NAME, outcome.as_ref(), woken_at, store.clock().now_millis());
        match outcome {
            Ok(0) => {}
            Ok(count) => tracing::debug!(reconciler = R::NAME, count, "reconciled"),
            Err(failure) => {
                let fault = Fault::from(failure);
                tracing::error!(reconciler = R::NAME, %fault, source = ?fault.source, "a reconciler failed and will try again");
                tokio::time::sleep(PAUSE).await;
            }
        }
        let woken = tokio::time::timeout(PERIOD, woken(&mut changes)).await.is_ok();
        woken_at = Instant::now();
        if woken {
            tokio::time::sleep(SETTLE).await;
        }
        changes = changes.resubscribe();
    }
}

/// Resolves at the next change, or at once where some were missed. A store that closes wakes nobody.
async fn woken(changes: &mut broadcast::Receiver<Change>) {
    match changes.recv().await {
        Ok(_) | Err(RecvError::Lagged(_)) => {}
        Err(RecvError::Closed) => std::future::pending().await,
    }
}

/// Runs all reconcilers until `shutdown` resolves: where several schedulers share the store, one of them does.
pub async fn run(store: Arc<Store>, scheduler_id: &str, shutdown: impl Future<Output = ()> + Send) {
    lead::alone(store, scheduler_id, all, shutdown).await;
}

/// The reconcilers that there are. One that is not named here never runs (and tests/architecture.rs fails); one that is named and has no
/// `standard::Rehearsal` does not compile with the tests, so that none is without the two standard ones.
macro_rules! reconcilers {
    ($($name:ident),+ $(,)?) => {
        async fn all(store: Arc<Store>) {
            tokio::select! {
                $(() = Box::pin(repeat($name, Arc::clone(&store))) => {})+
            }
        }

        #[cfg(test)]
        #[expect(non_snake_case, reason = "a module is named as the reconciler that it tests")]
        mod each {
            $(mod $name {
                #[tokio::test]
                async fn a_crash_after_any_step_converges() {
                    crate::reconcile::standard::a_crash_after_any_step_converges(crate::reconcile::$name).await;
                }

                #[tokio::test]
                async fn running_twice_changes_nothing() {
                    crate::reconcile::standard::running_twice_changes_nothing(crate::reconcile::$name).await;
                }
            })+
        }
    };
}

reconcilers!(
    ReapTerminated,
    GiveUpLaunches,
    ForgetClientTokens,
    ForgetNatGateways,
    ForgetRefusals,
    PlaceNatGateways,
    PruneChanges,
    ReleaseNatGatewayAddresses,
    SettlePeerings
);
