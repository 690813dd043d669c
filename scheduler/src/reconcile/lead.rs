//! Of several schedulers on one store, one reconciles: the holder of a lease, each of whose steps is fenced by it.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use freehold_proto::Fault;

use crate::store::lease::{self, Lease, Watch};
use crate::store::{Outcome, Store};

pub const NAME: &str = "reconcile";

/// How often a lease is renewed, and looked at by those who wait for it: thrice before it expires.
const RENEWAL: Duration = Duration::from_millis(1500);

/// Does `work` for as long as this scheduler holds the lease, which is for ever where it has the store to itself.
pub async fn alone<F: Future<Output = ()>>(
    store: Arc<Store>,
    scheduler_id: &str,
    work: impl Fn(Arc<Store>) -> F,
    shutdown: impl Future<Output = ()>,
) {
    if !store.is_shared() {
        tokio::select! {
            () = shutdown => {}
            () = work(store) => {}
        }
        return;
    }
    let mut held = None;
    tokio::select! {
        () = shutdown => {}
        () = take_turns(&store, scheduler_id, &work, &mut held) => {}
    }
    if let Some(lease) = held
        && let Err(failure) = lease::give_back(&store, &lease).await
    {
        // It expires by itself.
        tracing::info!(%failure, "the lease could not be given back");
    }
}

async fn take_turns<F: Future<Output = ()>>(store: &Arc<Store>, holder: &str, work: &impl Fn(Arc<Store>) -> F, held: &mut Option<Lease>) {
    let mut watch = Watch::default();
    loop {
        *held = said(lease::take(store, NAME, holder, &mut watch).await);
        if let Some(lease) = held.as_ref() {
            tracing::info!("this scheduler reconciles");
            tokio::select! {
                () = work(Arc::new(store.fenced(lease.clone()))) => {}
                () = lost(store, lease, holder) => tracing::warn!("another scheduler reconciles from now on"),
            }
            *held = None;
        }
        tokio::time::sleep(RENEWAL).await;
    }
}

/// Resolves when the lease is somebody else's. While the store can not be asked, nothing is done under it either.
async fn lost(store: &Store, lease: &Lease, holder: &str) {
    let mut watch = Watch::default();
    loop {
        tokio::time::sleep(RENEWAL).await;
        match lease::take(store, NAME, holder, &mut watch).await {
            Ok(Some(renewed)) if renewed == *lease => {}
            Ok(_) => return,
            Err(failure) => {
                said::<()>(Err(failure));
            }
        }
    }
}

fn said<T>(outcome: Outcome<Option<T>>) -> Option<T> {
    outcome.unwrap_or_else(|failure| {
        let fault = Fault::from(failure);
        tracing::warn!(%fault, source = ?fault.source, "the lease could not be taken or renewed");
        None
    })
}
