//! The whole gateway over loopback HTTP, with a control plane that the test plays.

mod bounds;
mod commands;
pub mod fake;
mod hostile;
mod log;
mod refusals;
mod wire;

use std::sync::Arc;

use freehold_proto::clock::ManualClock;
use freehold_proto::id::OsEntropy;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::sigv4::signer::noon;
use crate::{Config, Gateway, Limits};
use fake::ControlPlane;
use wire::Client;

/// A gateway that listens on a port of its own, and what stands behind it.
struct Running {
    client: Client,
    control_plane: ControlPlane,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<()>,
}

impl Running {
    async fn start() -> Self {
        Self::with(Limits::default()).await
    }

    async fn with(limits: Limits) -> Self {
        let control_plane = ControlPlane::default();
        let config = Config { listen: "127.0.0.1:0".parse().unwrap(), limits, ..Config::default() };
        let clock = Arc::new(ManualClock::at(noon()));
        let gateway = Gateway::bind_with(config, control_plane.backend(), None, clock, Arc::new(OsEntropy)).await.unwrap();
        let client = Client(gateway.address());
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(gateway.run(async { drop(stopped.await) }));
        Self { client, control_plane, stop: Some(stop), served }
    }
}
