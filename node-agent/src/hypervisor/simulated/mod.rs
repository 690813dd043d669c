//! Guests that are only bookkeeping: for demos, tests and scale. They boot after a delay, print on a console, obey the power button, and
//! switch themselves off or hang when told to through a file (`control`). No process, no disk, no network behind them.
//!
//! What they are lives in a small file each and so survives the agent, as a real guest does.

mod console;
mod control;
mod guest;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use freehold_proto::clock::Clock;
use freehold_proto::internal::host::{Driver, InstanceDesired};
use serde::Deserialize;

use super::{Console, DriverError, FaultCode, Guest, Hypervisor, Progress, View, password};
use crate::durable::{Disk, DurableError};
use crate::reconciler::Queue;
use guest::{Power, SimulatedGuest};

/// `[agent.simulated]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// From power-on to a running guest. Default 200.
    pub boot_milliseconds: u64,
    /// From the power button to power-off. Default 100.
    pub shutdown_milliseconds: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self { boot_milliseconds: 200, shutdown_milliseconds: 100 }
    }
}

pub struct Simulated {
    config: Config,
    disk: Disk,
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    queue: Queue,
    guests: Mutex<BTreeMap<String, SimulatedGuest>>,
}

impl Simulated {
    /// Loads the guests that are in `folder`. A file that is damaged is a guest whose disk is: it stays, and does not run.
    pub fn open(config: Config, disk: Disk, folder: &Path, clock: Arc<dyn Clock>, queue: Queue) -> Result<Arc<Self>, DurableError> {
        for part in ["guests", "control"] {
            disk.private_folder(&folder.join(part))?;
        }
        let guests = guest::load(&disk, &folder.join("guests"))?;
        Ok(Arc::new(Self { config, disk, folder: folder.to_owned(), clock, queue, guests: Mutex::new(guests) }))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, SimulatedGuest>> {
        self.guests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, instance_id: &str) -> PathBuf {
        self.folder.join("guests").join(instance_id)
    }

    /// Changes one guest: in its file, and then in memory, so that nothing is reported that a killed agent would not find again.
    fn change(&self, instance_id: &str, change: impl FnOnce(&mut SimulatedGuest, i64)) -> Result<(), DriverError> {
        let mut guests = self.lock();
        let Some(guest) = guests.get_mut(instance_id) else {
            return Err(DriverError::new(FaultCode::DiskMissing, "the simulated guest's file is gone"));
        };
        let mut changed = guest.clone();
        change(&mut changed, self.clock.now_millis());
        guest::write(&self.disk, &self.path(instance_id), &changed)?;
        *guest = changed;
        Ok(())
    }

    /// Has the reconciler look again when something will have happened by itself.
    fn wake_after(&self, instance_id: &str, milliseconds: u64) {
        self.queue.wake_after(instance_id, Duration::from_millis(milliseconds));
    }
}

fn wanted(desired: &InstanceDesired) -> BTreeSet<String> {
    desired.interfaces.iter().map(|interface| interface.network_interface_id.clone()).collect()
}

#[tonic::async_trait]
impl Hypervisor for Simulated {
    fn describe(&self) -> Driver {
        Driver { name: "simulated".to_owned(), accelerator: "none".to_owned(), architecture: "x86_64".to_owned() }
    }

    fn machine_type(&self) -> String {
        "simulated-1".to_owned()
    }

    async fn held(&self) -> Result<Vec<String>, DriverError> {
        Ok(self.lock().keys().cloned().collect())
    }

    async fn observe(&self, instance_id: &str) -> Result<Guest, DriverError> {
        let now = self.clock.now_millis();
        Ok(self.lock().get(instance_id).map_or(Guest::Off, |guest| guest.observe(now, &self.config)))
    }

    async fn prepare(&self, desired: &InstanceDesired, made: &BTreeSet<String>) -> Result<Progress, DriverError> {
        let mut guests = self.lock();
        if guests.contains_key(&desired.instance_id) {
            return Ok(Progress::Done);
        }
        if let Some(volume) = desired.volumes.iter().find(|volume| made.contains(&volume.volume_id)) {
            let message = format!("the disk of {} was made before and is gone", volume.volume_id);
            return Err(DriverError::new(FaultCode::DiskMissing, message));
        }
        let guest = SimulatedGuest::default();
        guest::write(&self.disk, &self.path(&desired.instance_id), &guest)?;
        guests.insert(desired.instance_id.clone(), guest);
        Ok(Progress::Done)
    }

    async fn start(&self, desired: &InstanceDesired, _machine_type: &str) -> Result<(), DriverError> {
        self.change(&desired.instance_id, |guest, now| {
            guest.power_on(now);
            guest.interfaces = wanted(desired);
        })?;
        self.wake_after(&desired.instance_id, self.config.boot_milliseconds);
        Ok(())
    }

    async fn request_shutdown(&self, instance_id: &str) -> Result<(), DriverError> {
        self.change(instance_id, SimulatedGuest::press_power_button)?;
        self.wake_after(instance_id, self.config.shutdown_milliseconds);
        Ok(())
    }

    async fn power_off(&self, instance_id: &str) -> Result<(), DriverError> {
        self.change(instance_id, |guest, _| guest.power = Power::Off)
    }

    async fn reset(&self, instance_id: &str) -> Result<(), DriverError> {
        self.change(instance_id, SimulatedGuest::power_on)?;
        self.wake_after(instance_id, self.config.boot_milliseconds);
        Ok(())
    }

    async fn connect(&self, desired: &InstanceDesired) -> Result<BTreeSet<String>, DriverError> {
        let id = desired.instance_id.as_str();
        let has = || self.lock().get(id).map(|guest| guest.interfaces.clone()).unwrap_or_default();
        if has() != wanted(desired) {
            self.change(id, |guest, _| guest.connect(wanted(desired)))?;
        }
        Ok(has())
    }

    async fn console(&self, instance_id: &str, view: View) -> Result<Option<Console>, DriverError> {
        let now = self.clock.now_millis();
        let text = self.lock().get(instance_id).map(|guest| console::render(instance_id, guest, now, &self.config));
        let output = match view {
            View::Text => text,
            View::Password => text.as_deref().and_then(password::last),
            View::Screen { wake_up } if text.is_some() => Some(
                console::screen(wake_up)
                    .map_err(|error| DriverError::because(FaultCode::Hypervisor, "the simulated display can not be drawn", error))?,
            ),
            View::Screen { .. } => None,
        };
        Ok(output.map(|output| Console { output, at: self.clock.now() }))
    }

    async fn destroy(&self, instance_id: &str, _volumes: &[String]) -> Result<(), DriverError> {
        let mut guests = self.lock();
        self.disk.remove_unsynced(&self.path(instance_id))?;
        self.disk.remove_unsynced(&control::path(&self.folder, instance_id))?;
        guests.remove(instance_id);
        Ok(())
    }

    async fn destroy_volume(&self, _volume_id: &str) -> Result<(), DriverError> {
        // Simulated volumes are nothing but their instance.
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use freehold_proto::clock::SystemClock;

    use super::*;

    #[tokio::test]
    async fn a_guest_whose_start_could_not_be_written_down_was_not_started() {
        let folder = tempfile::tempdir().unwrap();
        let driver = Simulated::open(Config::default(), Disk::default(), folder.path(), Arc::new(SystemClock), Queue::default()).unwrap();
        let desired = InstanceDesired { instance_id: "i-0123456789abcdef0".to_owned(), ..InstanceDesired::default() };
        driver.prepare(&desired, &BTreeSet::new()).await.unwrap();
        std::fs::remove_dir_all(folder.path().join("guests")).unwrap();
        driver.start(&desired, "simulated-1").await.unwrap_err();
        assert_eq!(driver.observe(&desired.instance_id).await.unwrap(), Guest::Off);
    }
}
