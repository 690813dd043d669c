//! What the agent asks of a hypervisor: little, so that there can be several.
//!
//! A driver carries out single acts and tells what is; it decides nothing. The reconciler decides, records what must not be forgotten,
//! and calls again after a failure, so every act must be safe to repeat.

mod password;
pub mod qemu;
mod screen;
pub mod simulated;

use std::collections::BTreeSet;
use std::time::SystemTime;

use freehold_proto::internal::host::{Driver, InstanceDesired};

/// What is, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guest {
    /// No power. Its disks may or may not have been made.
    Off,
    Starting,
    Running,
    /// It switched itself off, and the driver keeps that visible until [`Hypervisor::power_off`].
    PoweredOff,
}

/// The constant words of `InstanceObserved.fault_code`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultCode {
    /// The image store does not answer, has no such manifest, or what it sends is not what the manifest says.
    ImageUnavailable,
    /// A disk that was once made is gone.
    DiskMissing,
    /// A disk is there and not sound.
    DiskDamaged,
    /// The network data plane has no port for an interface.
    Network,
    /// The hypervisor refused, failed or is not there.
    Hypervisor,
    /// The host's own disk or kernel refused.
    Host,
    /// The guest ended without an order, and is to stay so until there is one.
    GuestEnded,
}

impl FaultCode {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ImageUnavailable => "image-unavailable",
            Self::DiskMissing => "disk-missing",
            Self::DiskDamaged => "disk-damaged",
            Self::Network => "network",
            Self::Hypervisor => "hypervisor",
            Self::Host => "host",
            Self::GuestEnded => "guest-ended",
        }
    }
}

/// A failed act: a word for programs, a sentence for the operator, the cause for the log.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct DriverError {
    pub code: FaultCode,
    pub message: String,
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl DriverError {
    pub fn new(code: FaultCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), source: None }
    }

    pub fn because(code: FaultCode, message: impl Into<String>, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { code, message: message.into(), source: Some(source.into()) }
    }
}

impl From<crate::durable::DurableError> for DriverError {
    fn from(error: crate::durable::DurableError) -> Self {
        Self { code: FaultCode::Host, message: error.to_string(), source: Some(Box::new(error)) }
    }
}

/// Whether an act that may take long is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    Done,
    /// It goes on in the background; the driver wakes the instance when there is news.
    Pending,
}

/// What a guest's consoles have.
#[derive(Clone, Debug)]
pub struct Console {
    pub output: Vec<u8>,
    pub at: SystemTime,
}

/// What is wanted of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// What the guest printed on its serial console: at most the newest 64 KiB.
    Text,
    /// What its display shows, a JPEG. A key is pressed first where the display is to be woken.
    Screen { wake_up: bool },
    /// The last password that it printed on its serial console, as it encrypted it.
    Password,
}

pub const CONSOLE_BYTES: usize = 64 << 10;

#[tonic::async_trait]
pub trait Hypervisor: Send + Sync {
    fn describe(&self) -> Driver;

    /// What a guest that was never started is to be given, for good.
    fn machine_type(&self) -> String;

    /// Every instance of which something is on this host.
    async fn held(&self) -> Result<Vec<String>, DriverError>;

    async fn observe(&self, instance_id: &str) -> Result<Guest, DriverError>;

    /// Makes the disks. Those in `made` existed before: one of them missing is [`FaultCode::DiskMissing`].
    async fn prepare(&self, desired: &InstanceDesired, made: &BTreeSet<String>) -> Result<Progress, DriverError>;

    /// Powers the guest on. Its disks are there.
    async fn start(&self, desired: &InstanceDesired, machine_type: &str) -> Result<(), DriverError>;

    /// Asks the guest to shut down, as by a press of the power button.
    async fn request_shutdown(&self, instance_id: &str) -> Result<(), DriverError>;

    /// Takes the power away; when this answers, no process is left.
    async fn power_off(&self, instance_id: &str) -> Result<(), DriverError>;

    async fn reset(&self, instance_id: &str) -> Result<(), DriverError>;

    /// Plugs and unplugs interfaces until the running guest has those of `desired`, and answers which it has: one that the guest was asked to
    /// let go of stays until it does.
    async fn connect(&self, desired: &InstanceDesired) -> Result<BTreeSet<String>, DriverError>;

    /// `None` for an instance of which there is nothing.
    async fn console(&self, instance_id: &str, view: View) -> Result<Option<Console>, DriverError>;

    /// Takes the power away and removes everything of the instance and of `volumes`.
    async fn destroy(&self, instance_id: &str, volumes: &[String]) -> Result<(), DriverError>;

    /// Removes a volume that no instance on this host uses.
    async fn destroy_volume(&self, volume_id: &str) -> Result<(), DriverError>;
}
