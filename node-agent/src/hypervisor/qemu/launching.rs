//! From a desired instance to a running process, and to the end of one.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use freehold_proto::internal::host::InstanceDesired;
use tokio::process::{Child, Command};
use tokio::time::Instant;

use super::arguments::{Disk, arguments};
use super::folder::GuestFolder;
use super::machine::Accelerator;
use super::{Qemu, console, host};
use crate::hypervisor::{DriverError, FaultCode};
use crate::launch::{Spec, TapSpec};

pub(super) const SPEC: &str = "spec.json";

/// From the launcher's start to an answering monitor.
const START: Duration = Duration::from_mins(1);
/// From `quit` to the end of the process.
const QUIT: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(5);

/// The configured launcher, or this program's own subcommand.
pub(super) fn launcher(configured: &[PathBuf]) -> Result<Vec<PathBuf>, DriverError> {
    if !configured.is_empty() {
        return Ok(configured.to_vec());
    }
    let own = freehold_link::program::path().map_err(host("this program's own path can not be found"))?;
    Ok(vec![own, PathBuf::from("launch-guest")])
}

impl Qemu {
    pub(super) async fn launch(&self, desired: &InstanceDesired, machine_type: &str) -> Result<(), DriverError> {
        let id = desired.instance_id.as_str();
        let mut taps = Vec::new();
        for interface in &desired.interfaces {
            let tap = self.ports.ready(&interface.network_interface_id).await;
            let tap = tap.map_err(|error| DriverError::because(FaultCode::Network, error.to_string(), error))?;
            taps.push(TapSpec { namespace: tap.namespace, name: tap.name });
        }
        tracing::debug!(instance_id = id, "its interfaces are ready");
        let user = if nix::unistd::Uid::effective().is_root() { Some(self.users.claim(id)?) } else { None };
        let folder = self.folder(id);
        // Nobody should be here; a hostile process that let go of its lock may be, and would share the disks with the next one.
        folder.kill().await.map_err(host("the process of the guest's last run can not be ended"))?;
        let disks = self.lay_out(&folder, desired, user).map_err(host("the guest's folder can not be made"))?;
        let spec = Spec {
            folder: folder.path().to_owned(),
            program: self.machine.program.clone(),
            arguments: arguments(desired, &self.machine, machine_type, &disks),
            taps,
            user,
            groups: self.groups(),
        };
        let child = self.spawn(id, &folder, &spec).map_err(host("the guest's launcher can not be started"))?;
        tracing::debug!(instance_id = id, "its launcher is started");
        self.answering(id, &folder, child).await?;
        tracing::debug!(instance_id = id, "its monitor answers");
        Ok(())
    }

    fn lay_out(&self, folder: &GuestFolder, desired: &InstanceDesired, user: Option<u32>) -> io::Result<Vec<Disk>> {
        folder.make(user)?;
        folder.clear_run()?;
        let mut disks = Vec::new();
        for volume in &desired.volumes {
            let mut disk = Disk { volume_id: volume.volume_id.clone(), root: volume.root, based: false };
            disk.based = self.volumes.show(&volume.volume_id, &folder.inside(&disk.file()), &folder.inside(&disk.base()), user)?;
            disks.push(disk);
        }
        Ok(disks)
    }

    fn groups(&self) -> Vec<u32> {
        let device = (self.machine.accelerator == Accelerator::Kvm).then(|| fs::metadata("/dev/kvm").ok()).flatten();
        device.map(|device| device.gid()).into_iter().collect()
    }

    fn spawn(&self, instance_id: &str, folder: &GuestFolder, spec: &Spec) -> io::Result<Child> {
        let path = folder.file(SPEC);
        fs::write(&path, serde_json::to_vec(spec)?)?;
        let log = File::options().append(true).create(true).open(folder.file(console::LAUNCH))?;
        let command = self.containment.wrap(instance_id, &self.launcher);
        let (program, arguments) = command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        Command::new(program)
            .args(arguments)
            .arg(path)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(false)
            .spawn()
    }

    /// Waits until the monitor answers or the process is gone.
    async fn answering(&self, instance_id: &str, folder: &GuestFolder, mut child: Child) -> Result<(), DriverError> {
        let deadline = Instant::now() + START;
        loop {
            if let Some(status) = child.try_wait().map_err(host("the guest's launcher can not be watched"))? {
                let said = console::complaint(folder).unwrap_or_else(|| "nothing was said".to_owned());
                return Err(DriverError::new(FaultCode::Hypervisor, format!("the guest's QEMU ended at once ({status}): {said}")));
            }
            if self.monitor(instance_id).await.is_ok() {
                break;
            }
            if Instant::now() > deadline {
                return Err(DriverError::new(FaultCode::Hypervisor, "the guest's QEMU started and does not answer"));
            }
            tokio::time::sleep(LOOK).await;
        }
        let (queue, id) = (self.queue.clone(), instance_id.to_owned());
        tokio::spawn(async move {
            // Taken up when it ends; an agent that is gone by then leaves that to init.
            if let Ok(status) = child.wait().await {
                tracing::info!(instance_id = id, %status, "a guest's process ended");
            }
            queue.wake(&id);
        });
        Ok(())
    }

    /// Whether the process ends by itself in time.
    pub(super) async fn gone(&self, instance_id: &str) -> Result<bool, DriverError> {
        let deadline = Instant::now() + QUIT;
        let folder = self.folder(instance_id);
        while folder.lives().map_err(host("the guest's lock can not be read"))? {
            if Instant::now() > deadline {
                return Ok(false);
            }
            tokio::time::sleep(LOOK).await;
        }
        self.hang_up(instance_id);
        Ok(true)
    }
}
