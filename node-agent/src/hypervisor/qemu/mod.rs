//! Real guests: QEMU, with KVM where the machine truly has it.
//!
//! Owns a folder per guest, its disks and its process. The process is a session of its own under a user of its own and outlives the agent,
//! which finds it again by its folder: `guest.lock` says that it lives, `qmp.sock` how it is.
//!
//! Invariants: an instance runs at most once on this host (the lock); a guest's process reaches only its folder; a disk that was once made
//! is never made again.

mod arguments;
mod blank;
mod console;
mod containment;
mod folder;
mod launching;
mod machine;
mod plugging;
mod qmp;
mod screenshot;
mod users;
mod volumes;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use freehold_proto::id::InstanceId;
use freehold_proto::internal::host::{Driver, InstanceDesired, VolumeAttachment};
use serde::Deserialize;
use serde_json::json;

use super::{Console, DriverError, FaultCode, Guest, Hypervisor, Progress, View};
use crate::durable;
use crate::image_cache::{ImageCache, ImageError, Wanted};
use crate::ports::Ports;
use crate::reconciler::Queue;
use containment::Containment;
use folder::GuestFolder;
use machine::Machine;
use qmp::{Qmp, QmpError};
pub use users::UserRange;
use users::Users;
use volumes::Volumes;

/// `[agent.qemu]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Default `/usr/bin/qemu-system-x86_64`.
    pub program: PathBuf,
    /// Default `/usr/bin/qemu-img`.
    pub qemu_img: PathBuf,
    /// The program and its first arguments that call [`crate::launch::launch`]; a specification's path is appended. Default: this very
    /// program with `launch-guest`.
    pub launcher: Vec<PathBuf>,
    pub users: UserRange,
    /// Images are kept up to this size while nothing uses them. Default 20480.
    pub image_cache_mib: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            program: PathBuf::from("/usr/bin/qemu-system-x86_64"),
            qemu_img: PathBuf::from("/usr/bin/qemu-img"),
            launcher: Vec::new(),
            users: UserRange::default(),
            image_cache_mib: 20 << 10,
        }
    }
}

/// How long a hypervisor that lives may be without a monitor: it is just being started.
const SILENCE: Duration = Duration::from_mins(1);

/// How often it is looked whether a log has grown too long.
const BOUND_LOGS: Duration = Duration::from_secs(1);

pub struct Qemu {
    machine: Machine,
    launcher: Vec<PathBuf>,
    containment: Containment,
    guests: PathBuf,
    volumes: Volumes,
    users: Users,
    images: Arc<ImageCache>,
    ports: Arc<dyn Ports>,
    queue: Queue,
    monitors: Mutex<BTreeMap<String, Arc<Qmp>>>,
    /// Held while a display is looked at: a picture is some MiB, and one at a time is enough.
    screens: tokio::sync::Mutex<()>,
}

impl Qemu {
    /// Examines the machine and takes up what `folder` holds.
    pub async fn open(
        config: &Config,
        folder: &Path,
        images: Arc<ImageCache>,
        ports: Arc<dyn Ports>,
        queue: Queue,
    ) -> Result<Arc<Self>, DriverError> {
        let machine = Machine::examine(config).await?;
        let launcher = launching::launcher(&config.launcher)?;
        let containment = Containment::choose(Path::new("/run/systemd/system").exists());
        tracing::info!(
            accelerator = machine.accelerator.as_str(),
            machine_type = machine.newest_q35,
            ?containment,
            "the qemu driver is ready"
        );
        if !nix::unistd::Uid::effective().is_root() {
            tracing::warn!("this agent is not root: its guests run under its own user and can not be told apart by the kernel");
        }
        let guests = folder.join("guests");
        durable::private_folder(&guests)?;
        Ok(Arc::new(Self {
            machine,
            launcher,
            containment,
            guests,
            volumes: Volumes::open(&folder.join("volumes"), &config.qemu_img)?,
            users: Users::open(&folder.join("users"), config.users)?,
            images,
            ports,
            queue,
            monitors: Mutex::default(),
            screens: tokio::sync::Mutex::default(),
        }))
    }

    fn folder(&self, instance_id: &str) -> GuestFolder {
        GuestFolder::new(self.guests.join(instance_id))
    }

    /// The guest's monitor, dialled anew if need be, and only if it is this guest's.
    async fn monitor(&self, instance_id: &str) -> Result<Arc<Qmp>, QmpError> {
        if let Some(known) =
            self.monitors.lock().unwrap_or_else(PoisonError::into_inner).get(instance_id).filter(|known| !known.is_closed())
        {
            return Ok(Arc::clone(known));
        }
        let (queue, id) = (self.queue.clone(), instance_id.to_owned());
        let qmp = Qmp::connect(&self.folder(instance_id).inside("qmp.sock"), move || queue.wake(&id)).await?;
        let answered = qmp.execute("query-uuid", json!({})).await?;
        if answered["UUID"] != arguments::uuid(instance_id).as_str() {
            tracing::error!(instance_id, "another guest answers on this instance's monitor; it is left alone");
            return Err(QmpError::Protocol);
        }
        let qmp = Arc::new(qmp);
        self.monitors.lock().unwrap_or_else(PoisonError::into_inner).insert(instance_id.to_owned(), Arc::clone(&qmp));
        Ok(qmp)
    }

    fn hang_up(&self, instance_id: &str) {
        self.monitors.lock().unwrap_or_else(PoisonError::into_inner).remove(instance_id);
    }

    async fn command(&self, instance_id: &str, command: &str) -> Result<serde_json::Value, DriverError> {
        let qmp = self.monitor(instance_id).await.map_err(unanswered)?;
        qmp.execute(command, json!({})).await.map_err(unanswered)
    }

    /// A hypervisor that lives and has no monitor is being started, for a while; then it is a fault, and never an absent guest.
    fn silent(&self, instance_id: &str, error: QmpError) -> Result<Guest, DriverError> {
        let launched = std::fs::metadata(self.folder(instance_id).file(launching::SPEC)).and_then(|spec| spec.modified());
        let young = launched.is_ok_and(|at| at.elapsed().unwrap_or_default() < SILENCE);
        if young && matches!(error, QmpError::Io(_)) { Ok(Guest::Starting) } else { Err(unanswered(error)) }
    }

    /// Keeps what guests' processes write within bounds, for as long as it is polled.
    pub async fn bound_logs(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(BOUND_LOGS);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut complained = BTreeSet::new();
        loop {
            ticks.tick().await;
            let this = Arc::clone(&self);
            let Ok(failed) = tokio::task::spawn_blocking(move || this.bound_all()).await else { continue };
            for (instance_id, error) in &failed {
                if !complained.contains(instance_id) {
                    tracing::warn!(instance_id, %error, "a guest's log can not be bounded");
                }
            }
            complained = failed.into_keys().collect();
        }
    }

    /// Those whose logs could not be.
    fn bound_all(&self) -> BTreeMap<String, std::io::Error> {
        let held = self.held_here().unwrap_or_default();
        held.into_iter().filter_map(|id| console::bound(&self.folder(&id)).err().map(|error| (id, error))).collect()
    }

    fn held_here(&self) -> std::io::Result<Vec<String>> {
        let names = std::fs::read_dir(&self.guests)?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        Ok(names.filter(|name| InstanceId::parse(name).is_ok()).collect())
    }

    async fn made(&self, volume: &VolumeAttachment, instance_id: &str, made: &BTreeSet<String>) -> Result<Progress, DriverError> {
        if self.volumes.exists(&volume.volume_id) || made.contains(&volume.volume_id) {
            return self.volumes.check(volume).map(|()| Progress::Done);
        }
        if volume.manifest.is_empty() {
            self.volumes.make(volume, None).await?;
            return Ok(Progress::Done);
        }
        match self.images.want(&volume.manifest, instance_id).await.map_err(unavailable)? {
            Wanted::Fetching => Ok(Progress::Pending),
            Wanted::Ready(image) => self.volumes.make(volume, Some(&image)).await.map(|()| Progress::Done),
        }
    }
}

fn unanswered(error: QmpError) -> DriverError {
    DriverError::because(FaultCode::Hypervisor, format!("the guest's QEMU can not be talked to: {error}"), error)
}

fn unavailable(error: ImageError) -> DriverError {
    DriverError::because(FaultCode::ImageUnavailable, error.to_string(), error)
}

fn host(message: &'static str) -> impl Fn(std::io::Error) -> DriverError {
    move |source| DriverError::because(FaultCode::Host, message, source)
}

#[tonic::async_trait]
impl Hypervisor for Qemu {
    fn describe(&self) -> Driver {
        Driver { name: "qemu".to_owned(), accelerator: self.machine.accelerator.as_str().to_owned(), architecture: "x86_64".to_owned() }
    }

    fn machine_type(&self) -> String {
        self.machine.newest_q35.clone()
    }

    async fn held(&self) -> Result<Vec<String>, DriverError> {
        self.held_here().map_err(host("the guests' folder can not be read"))
    }

    async fn observe(&self, instance_id: &str) -> Result<Guest, DriverError> {
        if !self.folder(instance_id).alive().map_err(host("the guest's lock can not be read"))? {
            self.hang_up(instance_id);
            return Ok(Guest::Off);
        }
        let qmp = match self.monitor(instance_id).await {
            Ok(qmp) => qmp,
            Err(error) => return self.silent(instance_id, error),
        };
        let answered = qmp.execute("query-status", json!({})).await.map_err(unanswered)?;
        match answered["status"].as_str().unwrap_or_default() {
            "shutdown" => Ok(Guest::PoweredOff),
            "running" | "guest-panicked" | "watchdog" => Ok(Guest::Running),
            "prelaunch" | "inmigrate" | "postmigrate" | "finish-migrate" | "restore-vm" | "save-vm" => Ok(Guest::Starting),
            other => Err(DriverError::new(FaultCode::Hypervisor, format!("the guest does not run: QEMU calls it \"{other}\""))),
        }
    }

    async fn prepare(&self, desired: &InstanceDesired, made: &BTreeSet<String>) -> Result<Progress, DriverError> {
        let mut progress = Progress::Done;
        for volume in &desired.volumes {
            if self.made(volume, &desired.instance_id, made).await? == Progress::Pending {
                progress = Progress::Pending;
            }
        }
        Ok(progress)
    }

    async fn start(&self, desired: &InstanceDesired, machine_type: &str) -> Result<(), DriverError> {
        self.launch(desired, machine_type).await
    }

    async fn request_shutdown(&self, instance_id: &str) -> Result<(), DriverError> {
        self.command(instance_id, "system_powerdown").await.map(drop)
    }

    async fn power_off(&self, instance_id: &str) -> Result<(), DriverError> {
        // `quit` flushes the disks; a QEMU that does not take it loses its power all the same.
        if let Err(error) = self.command(instance_id, "quit").await {
            tracing::info!(instance_id, %error, "the guest's QEMU does not quit and is killed");
        } else if self.gone(instance_id).await? {
            return Ok(());
        }
        self.hang_up(instance_id);
        self.folder(instance_id).kill().await.map_err(host("the guest's process can not be ended"))
    }

    async fn reset(&self, instance_id: &str) -> Result<(), DriverError> {
        self.command(instance_id, "system_reset").await.map(drop)
    }

    async fn connect(&self, desired: &InstanceDesired) -> Result<BTreeSet<String>, DriverError> {
        self.plug_and_unplug(desired).await
    }

    async fn console(&self, instance_id: &str, view: View) -> Result<Option<Console>, DriverError> {
        if InstanceId::parse(instance_id).is_err() {
            return Ok(None);
        }
        match view {
            View::Text => console::read(&self.folder(instance_id)).map_err(host("the console's log can not be read")),
            View::Password => console::password(&self.folder(instance_id)).map_err(host("the console's log can not be read")),
            View::Screen { wake_up } => self.screen(instance_id, wake_up).await,
        }
    }

    async fn destroy(&self, instance_id: &str, volumes: &[String]) -> Result<(), DriverError> {
        let folder = self.folder(instance_id);
        self.hang_up(instance_id);
        folder.kill().await.map_err(host("the guest's process can not be ended"))?;
        folder.remove().map_err(host("the guest's folder can not be removed"))?;
        for volume_id in volumes {
            self.volumes.remove(volume_id).map_err(host("a volume can not be removed"))?;
        }
        self.users.release(instance_id)
    }

    async fn destroy_volume(&self, volume_id: &str) -> Result<(), DriverError> {
        self.volumes.remove(volume_id).map_err(host("a volume can not be removed"))
    }
}
