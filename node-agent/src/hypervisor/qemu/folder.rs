//! A guest's folder: what its process reaches, and how the agent finds it again.
//!
//! ```text
//! guest.lock     held by the launcher and then by QEMU: a guest is alive for exactly as long
//! process        which process that is, written by itself
//! spec.json      how it was launched        launch.log   what it complained about
//! qmp.sock  console.sock  console.log  console.old  VOLUME.qcow2  VOLUME.base
//! ```

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::durable;
use crate::launch::{GuestProcess, LOCK, PROCESS};

/// How long a killed process may take to be gone.
const DEATH: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(10);

#[derive(Clone, Debug)]
pub(super) struct GuestFolder(PathBuf);

impl GuestFolder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Makes the folder, for its user alone.
    pub(super) fn make(&self, user: Option<u32>) -> io::Result<()> {
        fs::create_dir_all(&self.0)?;
        fs::set_permissions(&self.0, Permissions::from_mode(0o700))?;
        std::os::unix::fs::chown(&self.0, user, user)
    }

    /// Whether a launcher or hypervisor of this instance lives.
    pub(super) fn alive(&self) -> io::Result<bool> {
        let file = match File::options().write(true).open(self.file(LOCK)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        match Flock::lock(file, FlockArg::LockSharedNonblock) {
            Ok(_) => Ok(false),
            Err((_, Errno::EWOULDBLOCK)) => Ok(true),
            Err((_, errno)) => Err(errno.into()),
        }
    }

    /// The process that registered itself here, if it still is there.
    fn process(&self) -> Option<GuestProcess> {
        let registered = durable::read_record::<GuestProcess>(&self.file(PROCESS)).ok()??;
        GuestProcess::of(registered.pid).ok().filter(|living| *living == registered)
    }

    /// Like [`Self::alive`], but to the very end: a process lets go of the lock a moment before it is gone.
    pub(super) fn lives(&self) -> io::Result<bool> {
        Ok(self.alive()? || self.process().is_some())
    }

    /// Kills whoever lives here, and nobody else: the process must be the one that registered itself. Answers when it is gone.
    pub(super) async fn kill(&self) -> io::Result<()> {
        let deadline = tokio::time::Instant::now() + DEATH;
        while self.lives()? {
            if tokio::time::Instant::now() > deadline {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "the guest's process does not go"));
            }
            // A launcher that has the lock and has not registered itself yet will, in a moment.
            if let Some(process) = self.process() {
                match kill(Pid::from_raw(process.pid), Signal::SIGKILL) {
                    Ok(()) | Err(Errno::ESRCH) => {}
                    Err(errno) => return Err(errno.into()),
                }
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Takes away what the last run left, so that it is not taken for this one's.
    pub(super) fn clear_run(&self) -> io::Result<()> {
        for name in [PROCESS, "qmp.sock", "console.sock", "launch.log"] {
            remove(&self.file(name))?;
        }
        Ok(())
    }

    pub(super) fn remove(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
