//! Carrying out a tombstone: the one place where anything of a guest is destroyed.
//!
//! The order makes every crash harmless: the tombstone is on disk before anything is touched and goes last, and each step may be
//! repeated.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use freehold_proto::internal::host::{Buried, InstanceDesired, ResourceKind};
use tokio::sync::Notify;

use super::Reconciler;
use super::record::Record;
use crate::hypervisor::{DriverError, FaultCode};
use crate::plan::Intent;

/// Burials the scheduler is still to be told of. If a session breaks after it took one, the scheduler repeats the tombstone.
#[derive(Debug, Default)]
pub struct Burials {
    waiting: Mutex<BTreeMap<(i32, String), u64>>,
    news: Notify,
}

impl Burials {
    pub fn announce(&self, kind: ResourceKind, id: &str, generation: u64) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert((kind.into(), id.to_owned()), generation);
        self.news.notify_one();
    }

    pub fn take(&self) -> Vec<Buried> {
        let waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        waiting.into_iter().map(|((kind, id), generation)| Buried { kind, id, generation }).collect()
    }

    pub async fn news(&self) {
        self.news.notified().await;
    }
}

impl Reconciler {
    pub(super) async fn bury(self: &Arc<Self>, instance_id: &str, intent: &Intent, record: &Record) -> Result<(), DriverError> {
        let Some(generation) = intent.tombstone else { return Ok(()) };
        let desired = intent.desired.as_deref();
        self.destroy(instance_id, desired, record).await?;
        let id = instance_id.to_owned();
        self.on_disk(move |this| this.around.plan.withdraw::<InstanceDesired>(&id)).await?;
        let interfaces: Vec<String> = desired
            .into_iter()
            .flat_map(|desired| desired.interfaces.iter().map(|interface| interface.network_interface_id.clone()))
            .collect();
        self.around
            .ports
            .withdrawn(ResourceKind::Instance, instance_id, &interfaces)
            .await
            .map_err(|error| DriverError::because(FaultCode::Network, "an interface of a terminated instance is still there", error))?;
        let id = instance_id.to_owned();
        self.on_disk(move |this| {
            this.records.remove(&id)?;
            this.around.plan.close(&id)
        })
        .await?;
        self.around.observations.forget(instance_id);
        self.around.burials.announce(ResourceKind::Instance, instance_id, generation);
        tracing::info!(instance_id, generation, "buried an instance");
        Ok(())
    }

    /// Every driver is asked, since what is unplanned may be anybody's; one that is not configured may not be passed over.
    async fn destroy(&self, instance_id: &str, desired: Option<&InstanceDesired>, record: &Record) -> Result<(), DriverError> {
        if !record.driver.is_empty() && !self.around.drivers.contains_key(&record.driver) {
            let message = format!("the instance was started by driver \"{}\", which this agent does not run", record.driver);
            return Err(DriverError::new(FaultCode::Hypervisor, message));
        }
        let volumes: Vec<String> = desired
            .into_iter()
            .flat_map(|desired| desired.volumes.iter().filter(|volume| volume.delete_on_termination))
            .map(|volume| volume.volume_id.clone())
            .collect();
        for driver in self.around.drivers.values() {
            driver.destroy(instance_id, &volumes).await?;
        }
        Ok(())
    }
}
