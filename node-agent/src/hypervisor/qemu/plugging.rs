//! Interfaces that come and go while the guest runs.
//!
//! The machine has free slots from its start (`arguments`), each a port that takes one device. The tap is opened here, in the VPC's namespace,
//! and handed to QEMU as a descriptor: its process can open none. A guest is asked to let go of a device, and does so when it likes: what it
//! still has is answered for as long. Its packets go nowhere meanwhile, since the data plane has taken the tap away.

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use freehold_proto::internal::host::{InstanceDesired, InterfaceAttachment};
use nix::sched::{CloneFlags, setns};
use serde_json::{Value, json};

use super::arguments::{NIC, PRIMARY, names};
use super::qmp::{Qmp, QmpError};
use super::{Qemu, host, unanswered};
use crate::hypervisor::{DriverError, FaultCode};
use crate::network::tap;

impl Qemu {
    pub(super) async fn plug_and_unplug(&self, desired: &InstanceDesired) -> Result<BTreeSet<String>, DriverError> {
        let qmp = self.monitor(&desired.instance_id).await.map_err(unanswered)?;
        let there = devices(&qmp).await.map_err(unanswered)?;
        let wanted: BTreeSet<String> = desired.interfaces.iter().map(|interface| names(interface).1).collect();
        let mut changed = false;
        for device in there.difference(&wanted) {
            unplug(&qmp, device).await.map_err(unanswered)?;
            changed = true;
        }
        for interface in desired.interfaces.iter().filter(|interface| !there.contains(&names(interface).1)) {
            self.plug(&qmp, interface).await?;
            changed = true;
        }
        let now = if changed { devices(&qmp).await.map_err(unanswered)? } else { there };
        Ok(now.into_iter().filter_map(|device| interface_of(&device, desired)).collect())
    }

    async fn plug(&self, qmp: &Qmp, interface: &InterfaceAttachment) -> Result<(), DriverError> {
        let id = interface.network_interface_id.as_str();
        let port = self.ports.ready(id).await;
        let port = port.map_err(|error| DriverError::because(FaultCode::Network, error.to_string(), error))?;
        let tap = open(port.namespace, port.name).await.map_err(host("the interface's tap can not be opened"))?;
        let slot = free_slot(qmp).await.map_err(unanswered)?.ok_or_else(|| {
            DriverError::new(FaultCode::Hypervisor, format!("the guest has no free slot for {id} until it is stopped and started"))
        })?;
        let (netdev, nic) = names(interface);
        let plugged = async {
            qmp.execute_with("getfd", json!({ "fdname": netdev }), Some(tap)).await?;
            // What an agent that was killed here left behind has no device.
            drop(qmp.execute("netdev_del", json!({ "id": netdev })).await);
            qmp.execute("netdev_add", json!({ "type": "tap", "id": netdev, "fd": netdev })).await?;
            let device = json!({
                "driver": "virtio-net-pci", "id": nic, "netdev": netdev, "mac": interface.mac_address, "romfile": "", "bus": slot,
            });
            qmp.execute("device_add", device).await
        };
        plugged.await.map_err(unanswered)?;
        tracing::info!(network_interface_id = id, slot, "plugged an interface");
        Ok(())
    }
}

/// Its other half goes first, so that nothing reaches the guest by it any more.
async fn unplug(qmp: &Qmp, device: &str) -> Result<(), QmpError> {
    let netdev = device.replacen(NIC, "net-", 1);
    match qmp.execute("netdev_del", json!({ "id": netdev })).await {
        // It was asked before, and the guest has not let go yet.
        Ok(_) | Err(QmpError::Refused { .. }) => {}
        Err(error) => return Err(error),
    }
    match qmp.execute("device_del", json!({ "id": device })).await {
        // "already in the process of unplug"
        Ok(_) | Err(QmpError::Refused { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The interfaces' devices that the machine has.
async fn devices(qmp: &Qmp) -> Result<BTreeSet<String>, QmpError> {
    let listed = qmp.execute("qom-list", json!({ "path": "/machine/peripheral" })).await?;
    let names = listed.as_array().into_iter().flatten().filter_map(|device| device["name"].as_str());
    Ok(names.filter(|name| *name == PRIMARY || name.starts_with(NIC)).map(str::to_owned).collect())
}

fn interface_of(device: &str, desired: &InstanceDesired) -> Option<String> {
    let primary = || desired.interfaces.iter().find(|interface| interface.device_index == 0);
    match device.strip_prefix(NIC) {
        Some(id) => Some(id.to_owned()),
        None => primary().map(|interface| interface.network_interface_id.clone()),
    }
}

/// A port that nothing is plugged into.
async fn free_slot(qmp: &Qmp) -> Result<Option<String>, QmpError> {
    let buses = qmp.execute("query-pci", json!({})).await?;
    let devices = buses.as_array().into_iter().flatten().flat_map(|bus| bus["devices"].as_array().into_iter().flatten());
    let is_free = |port: &&Value| port["pci_bridge"]["devices"].as_array().is_none_or(Vec::is_empty);
    let slots = devices.filter(|device| device["qdev_id"].as_str().is_some_and(|id| id.starts_with("slot")));
    Ok(slots.filter(is_free).find_map(|port| port["qdev_id"].as_str().map(str::to_owned)))
}

/// In a thread of its own, which enters the namespace for good and ends.
async fn open(namespace: PathBuf, name: String) -> std::io::Result<OwnedFd> {
    let opened = tokio::task::spawn_blocking(move || {
        let open = move || {
            setns(std::fs::File::open(&namespace)?, CloneFlags::CLONE_NEWNET)?;
            tap::open(&name)
        };
        std::thread::spawn(open).join().map_err(|_| std::io::Error::other("the thread that opens a tap panicked"))?
    });
    opened.await.map_err(std::io::Error::other)?
}
