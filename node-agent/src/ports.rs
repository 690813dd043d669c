//! What the rest of the agent asks of the network data plane. Nothing else of it is visible to drivers and reconciler.

use std::path::PathBuf;

use freehold_proto::internal::host::ResourceKind;

/// The tap that an interface's guest is to be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tap {
    /// The network namespace it is in, as a path that `setns` takes.
    pub namespace: PathBuf,
    pub name: String,
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct PortError(pub String);

#[tonic::async_trait]
pub trait Ports: Send + Sync {
    /// Waits, for a bounded time, until the interface's tap, addresses and rules are in place.
    async fn ready(&self, network_interface_id: &str) -> Result<Tap, PortError>;

    /// Waits, for a bounded time, until nothing of the resource, no longer desired, is left: for an instance its interfaces' taps, for
    /// a VPC its namespace.
    async fn withdrawn(&self, kind: ResourceKind, id: &str, network_interface_ids: &[String]) -> Result<(), PortError>;
}

/// For hosts whose drivers attach nothing to a network (`simulated`).
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPorts;

#[tonic::async_trait]
impl Ports for NoPorts {
    async fn ready(&self, network_interface_id: &str) -> Result<Tap, PortError> {
        Err(PortError(format!("this agent runs no network data plane, so {network_interface_id} has no tap")))
    }

    async fn withdrawn(&self, _: ResourceKind, _: &str, _: &[String]) -> Result<(), PortError> {
        Ok(())
    }
}
