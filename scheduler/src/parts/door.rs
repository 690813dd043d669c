//! Who may call what of a scheduler over TLS. The operator's commands are not among it: they have a socket of their own, which only root opens.
//!
//! Each call asks the World whether its peer is a part now, so that one that was removed is refused from then on, by every scheduler that
//! the feed has reached; what it holds open ends when it is heard that its row is gone.
//!
//! While the store is out of reach the door is closed, and whoever was in is sent away: another scheduler may reach it.

use std::sync::Arc;

use freehold_link::identity::{Identity, Kind};
use freehold_link::tls::{Admits, Ending, Peer};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tonic::Status;

use super::standing;
use crate::store::{self, Store};

const JOIN: &str = "/freehold.parts.v1.Parts/Join";
const CERTIFY: &str = "/freehold.parts.v1.Parts/Certify";
const HOSTS: &str = "/freehold.host.v1.Hosts/";
const IDENTITY: &str = "/freehold.identity.v1.Identity/";
const ACTIONS: &str = "/aws.";

/// Whether the holder of a certificate (or of none) may call `path`, as long as it is a part.
fn is_its_own(identity: Option<&Identity>, path: &str) -> bool {
    let Some(identity) = identity else { return path == JOIN };
    match identity.kind {
        Kind::Host => path.starts_with(HOSTS) || path == CERTIFY,
        Kind::Gateway => path.starts_with(ACTIONS) || path.starts_with(IDENTITY) || path == CERTIFY,
        Kind::ImageStore => path == CERTIFY,
        Kind::Scheduler | Kind::Operator => false,
    }
}

/// The scheduler's door.
pub struct Door {
    store: Arc<Store>,
    /// Ticks whenever a part's row may have changed.
    changed: watch::Sender<()>,
    following: JoinHandle<()>,
}

impl Drop for Door {
    fn drop(&mut self) {
        self.following.abort();
    }
}

impl Door {
    pub fn open(store: Arc<Store>) -> Arc<Self> {
        let changed = watch::Sender::new(());
        let (mut news, ticks) = (store.follow(), changed.clone());
        let following = tokio::spawn(async move {
            loop {
                match news.recv().await {
                    Ok(change) if change.kind == store::Kind::Part => ticks.send_replace(()),
                    Ok(_) => {}
                    // Whatever was missed may have been one.
                    Err(RecvError::Lagged(_)) => ticks.send_replace(()),
                    Err(RecvError::Closed) => return,
                }
            }
        });
        Arc::new(Self { store, changed, following })
    }

    /// What is wrong with who the peer says it is, as far as is committed now.
    async fn standing(&self, peer: &Peer) -> Result<(), Status> {
        if in_world(&self.store, peer).is_ok() {
            return Ok(());
        }
        // It may have joined an instant ago, with another scheduler.
        self.store.world().caught_up().await?;
        in_world(&self.store, peer)
    }
}

fn in_world(store: &Store, peer: &Peer) -> Result<(), Status> {
    let Some(identity) = &peer.identity else { return Err(Status::permission_denied("show a certificate, or join")) };
    let rows = store.world().rows();
    let row = rows.parts.get(&identity.name).iter().find(|row| row.kind == identity.kind.as_str());
    standing(row.map(AsRef::as_ref), identity.kind, &identity.name, peer.key.as_ref())
}

#[tonic::async_trait]
impl Admits for Door {
    fn is_open(&self) -> bool {
        *self.store.world().reached().borrow()
    }

    fn hears_strangers(&self) -> bool {
        true
    }

    async fn knows(&self, peer: &Peer) -> bool {
        self.standing(peer).await.is_ok()
    }

    async fn admits(&self, peer: &Peer, path: &str) -> Result<(), Status> {
        if !is_its_own(peer.identity.as_ref(), path) {
            return Err(Status::permission_denied(format!("{} may not call this", peer.who())));
        }
        // Who asks for a certificate is looked at in the transaction that gives it.
        if matches!(path, JOIN | CERTIFY) { Ok(()) } else { self.standing(peer).await }
    }

    fn expelled(&self, peer: &Peer) -> Ending {
        let (store, peer, mut changed) = (Arc::clone(&self.store), peer.clone(), self.changed.subscribe());
        Box::pin(async move {
            let mut reached = store.world().reached();
            while in_world(&store, &peer).is_ok() {
                tokio::select! {
                    ticked = changed.changed() => if ticked.is_err() {
                        // The door is gone, and the server with it.
                        return std::future::pending().await;
                    },
                    // The World goes with the store, which is held here.
                    () = async { _ = reached.wait_for(|reached| !reached).await } => {
                        tracing::warn!(who = peer.who(), "hung up on a part, which may ask another scheduler: this one can not reach the store");
                        return;
                    }
                }
            }
            tracing::warn!(who = peer.who(), "hung up on a part that was removed or has joined again with another key");
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_calls_what_is_its_own_and_nobody_the_operator_s() {
        let who = |kind| Identity { cluster_id: "c".into(), kind, name: "n".into() };
        let all = [
            JOIN,
            CERTIFY,
            "/freehold.host.v1.Hosts/Attend",
            "/freehold.identity.v1.Identity/GetDayKey",
            "/aws.ec2.Instances/RunInstances",
            "/freehold.operator.v1.Operator/CreateAccount",
        ];
        let may = |identity: Option<&Identity>| all.iter().copied().filter(|path| is_its_own(identity, path)).collect::<Vec<_>>();
        assert_eq!(may(None), [JOIN]);
        assert_eq!(may(Some(&who(Kind::Host))), [CERTIFY, all[2]]);
        assert_eq!(may(Some(&who(Kind::Gateway))), [CERTIFY, all[3], all[4]]);
        assert_eq!(may(Some(&who(Kind::ImageStore))), [CERTIFY]);
        assert_eq!(may(Some(&who(Kind::Operator))), [""; 0]);
        assert_eq!(may(Some(&who(Kind::Scheduler))), [""; 0]);
    }
}
