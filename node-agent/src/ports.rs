//! What the rest of the agent asks of the network data plane. Nothing else of it is visible to drivers and reconciler.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

use freehold_proto::internal::host::{InterfaceAttachment, ResourceKind};
use tokio::sync::watch;

use crate::desired::Desired;

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

    /// Waits, for a bounded time, until the NAT gateway with this interface passes packets on under all of its addresses.
    async fn translating(&self, interface: &InterfaceAttachment) -> Result<(), PortError>;

    /// Waits, for a bounded time, until nothing of the resource, no longer desired, is left: for an instance its interfaces' taps, for
    /// a VPC or a NAT gateway its namespace.
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

    /// Where no guest sends packets a gateway is bookkeeping, as the guests are.
    async fn translating(&self, _: &InterfaceAttachment) -> Result<(), PortError> {
        Ok(())
    }

    async fn withdrawn(&self, _: ResourceKind, _: &str, _: &[String]) -> Result<(), PortError> {
        Ok(())
    }
}

/// The plan without simulated instances, which have no network: ten thousand of them are to cost the data plane nothing. Follows the plan
/// for as long as the future is polled.
pub fn networked(mut plan: watch::Receiver<Arc<Desired>>) -> (watch::Receiver<Arc<Desired>>, impl Future<Output = ()> + Send) {
    let (sender, receiver) = watch::channel(Arc::new(with_network(&plan.borrow_and_update())));
    let following = async move {
        while plan.changed().await.is_ok() {
            let desired = with_network(&plan.borrow_and_update());
            sender.send_if_modified(|before| {
                let modified = !same(before, &desired);
                if modified {
                    *before = Arc::new(desired);
                }
                modified
            });
        }
    };
    (receiver, following)
}

fn with_network(desired: &Desired) -> Desired {
    let mut networked = Desired {
        vpcs: desired.vpcs.clone(),
        security_groups: desired.security_groups.clone(),
        nat_gateways: desired.nat_gateways.clone(),
        interfaces_elsewhere: desired.interfaces_elsewhere.clone(),
        public_elsewhere: desired.public_elsewhere.clone(),
        translated: desired.translated.clone(),
        ..Desired::default()
    };
    let real = desired.instances.iter().filter(|(_, instance)| instance.driver != "simulated");
    networked.instances.extend(real.map(|(id, instance)| (id.clone(), Arc::clone(instance))));
    networked
}

/// Whether the same statements stand in both; equal ones are shared, so this compares addresses.
fn same(before: &Desired, after: &Desired) -> bool {
    fn shared<T>(before: &std::collections::BTreeMap<String, Arc<T>>, after: &std::collections::BTreeMap<String, Arc<T>>) -> bool {
        before.len() == after.len() && before.values().zip(after.values()).all(|(before, after)| Arc::ptr_eq(before, after))
    }
    shared(&before.instances, &after.instances)
        && shared(&before.vpcs, &after.vpcs)
        && shared(&before.security_groups, &after.security_groups)
        && shared(&before.nat_gateways, &after.nat_gateways)
        && shared(&before.interfaces_elsewhere, &after.interfaces_elsewhere)
        && shared(&before.public_elsewhere, &after.public_elsewhere)
        && shared(&before.translated, &after.translated)
}

#[cfg(test)]
mod tests {
    use freehold_proto::internal::host::InstanceDesired;

    use super::*;

    #[tokio::test]
    async fn the_data_plane_follows_the_plan_but_for_simulated_instances() {
        let (plan, followed) = watch::channel(Arc::new(Desired::default()));
        let (mut networked, following) = networked(followed);
        let following = tokio::spawn(following);
        let mut desired = Desired::default();
        for driver in ["simulated", "qemu"] {
            let instance = InstanceDesired { driver: driver.to_owned(), ..InstanceDesired::default() };
            desired.instances.insert(driver.to_owned(), Arc::new(instance));
        }
        plan.send_replace(Arc::new(desired));
        let seen = networked.wait_for(|desired| !desired.instances.is_empty()).await.unwrap();
        assert_eq!(seen.instances.keys().collect::<Vec<_>>(), ["qemu"]);
        drop(seen);
        following.abort();
    }
}
