//! The line to the scheduler: dials, attends, and dials again, for ever. Nothing on this host waits for it.
//!
//! A session is only how plan and observations travel. It decides one thing: whom it follows (see [`crate::host`]).

mod attend;
mod backoff;
mod deliver;

use std::net::Ipv4Addr;
use std::sync::Arc;

use freehold_proto::id::Entropy;
use freehold_proto::internal::host::{Capacity, Hello};

use crate::host::{Host, Unwelcome};
use crate::line::Line;
use crate::reconciler::Surroundings;
use backoff::Backoff;

pub(crate) use attend::Statements;
pub(crate) use deliver::deliver;

pub(crate) struct Session {
    pub(crate) line: Line,
    pub(crate) hostname: String,
    pub(crate) availability_zone: String,
    pub(crate) capacity: Capacity,
    /// What it offers; none: everything.
    pub(crate) instance_types: Vec<String>,
    /// Where it takes other hosts' packets for its guests.
    pub(crate) tunnel_address: Option<Ipv4Addr>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) around: Surroundings,
}

/// Why an attendance ended.
#[derive(Debug, thiserror::Error)]
pub enum Ended {
    #[error("the scheduler does not answer")]
    Unreachable(#[from] tonic::Status),
    #[error("the scheduler closed the stream")]
    Closed,
    #[error("the scheduler sent no Welcome first")]
    NoWelcome,
    #[error("the scheduler is not followed")]
    Refused(#[from] Unwelcome),
    #[error("this host's own disk fails")]
    Disk(#[from] crate::durable::DurableError),
    #[error("there is a new certificate, with which it goes on")]
    Renewed,
    #[error("a disk task was cut off")]
    Cut(#[from] tokio::task::JoinError),
}

impl Session {
    /// Attends until it is dropped.
    pub(crate) async fn run(self, mut host: Host) {
        let mut backoff = Backoff::default();
        // The stream before this one, until this one is welcome: to the scheduler the host is never gone.
        let mut before = None;
        loop {
            let mut welcomed = false;
            let ended = self.attend(&mut host, &mut welcomed, &mut before).await;
            if matches!(ended, Ended::Renewed) {
                tracing::debug!("attending anew with the new certificate");
                continue;
            }
            before = None;
            self.around.metrics.attending.set(0);
            if welcomed {
                backoff.reset();
            }
            let wait = backoff.next(self.entropy.as_ref());
            report(&ended, wait);
            tokio::time::sleep(wait).await;
        }
    }

    pub(crate) fn hello(&self, host: &Host) -> Hello {
        Hello {
            host_id: host.id().to_string(),
            cluster_id: host.cluster_id().to_owned(),
            hostname: self.hostname.clone(),
            availability_zone: self.availability_zone.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            capacity: Some(self.capacity),
            drivers: self.around.drivers.values().map(|driver| driver.describe()).collect(),
            instance_types: self.instance_types.clone(),
            tunnel_address: self.tunnel_address.map(|address| address.to_string()).unwrap_or_default(),
            now: Some(self.around.clock.now().into()),
        }
    }
}

fn report(ended: &Ended, wait: std::time::Duration) {
    let cause = std::error::Error::source(ended).map(ToString::to_string).unwrap_or_default();
    match ended {
        Ended::Unreachable(status) if status.code() == tonic::Code::PermissionDenied => {
            tracing::error!(reason = status.message(), ?wait, "the scheduler does not let this host in; guests go on");
        }
        Ended::Refused(_) | Ended::Disk(_) => tracing::error!(%ended, cause, ?wait, "the session with the scheduler ended; guests go on"),
        _ => tracing::info!(%ended, cause, ?wait, "the session with the scheduler ended; guests go on"),
    }
}
