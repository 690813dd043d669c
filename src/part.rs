//! The processes that make up a cloud on one machine, and where each leaves its traces.

use std::path::PathBuf;

use crate::config::Folders;

/// One process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// `freehold up`: keeps the other two running.
    Supervisor,
    /// Gateway, scheduler and image store together.
    ControlPlane,
    Agent,
    Gateway,
    Scheduler,
    ImageStore,
}

impl Part {
    /// Its name in file names and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Supervisor => "supervisor",
            Self::ControlPlane => "control-plane",
            Self::Agent => "agent",
            Self::Gateway => "gateway",
            Self::Scheduler => "scheduler",
            Self::ImageStore => "image-store",
        }
    }

    pub fn pid_file(self, folders: &Folders) -> PathBuf {
        folders.run_dir.join(format!("{}.pid", self.name()))
    }

    pub fn log_file(self, folders: &Folders) -> PathBuf {
        folders.log_dir.join(format!("{}.log", self.name()))
    }
}
