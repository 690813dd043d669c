//! A guest's folder: what its process reaches, and how the agent finds it again.
//!
//! ```text
//! guest.lock     held by the launcher and then by QEMU: a guest is alive for exactly as long
//! process        which process that is, written by itself while it still is root
//! spec.json      how it was launched
//! launch.log     what it complained about        launch.old  console.old   where logs that were started over ended
//! inside/        the process's own: qmp.sock  console.sock  console.log  VOLUME.qcow2  VOLUME.base
//! ```
//!
//! Invariant: the process is a guest's and may be hostile. It can write in `inside` only, and no name in there is followed: nothing that
//! it puts in place of a file makes the agent read, write or kill anything else.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::console;
use super::launching::SPEC;
use crate::durable;
use crate::launch::{GuestProcess, INSIDE, LOCK, PROCESS};

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

    /// A file of the process's own. One that an agent launched which knew of no `inside` has it in the folder itself; that ends with its
    /// next launch.
    pub(super) fn inside(&self, name: &str) -> PathBuf {
        let inside = self.0.join(INSIDE);
        if inside.is_dir() { inside.join(name) } else { self.file(name) }
    }

    /// Opens a file of the process's own, if that is what it is: not a link to another's secrets, nor a pipe that nobody fills.
    pub(super) fn open_inside(&self, name: &str, writable: bool) -> io::Result<File> {
        let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
        let file = File::options().read(true).write(writable).custom_flags(flags.bits()).open(self.inside(name))?;
        let metadata = file.metadata()?;
        if metadata.is_file() && metadata.nlink() == 1 {
            Ok(file)
        } else {
            Err(io::Error::new(io::ErrorKind::InvalidData, format!("{name} is not a plain file of the guest's own")))
        }
    }

    /// Makes the folder, and in it one for its user alone.
    pub(super) fn make(&self, user: Option<u32>) -> io::Result<()> {
        let inside = self.0.join(INSIDE);
        fs::create_dir_all(&inside)?;
        for folder in [&self.0, &inside] {
            fs::set_permissions(folder, Permissions::from_mode(0o700))?;
        }
        std::os::unix::fs::chown(&self.0, user.map(|_| 0), user.map(|_| 0))?;
        std::os::unix::fs::chown(&inside, user, user)
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
        for name in [PROCESS, SPEC, console::LAUNCH, console::LAUNCH_OLD] {
            remove(&self.file(name))?;
        }
        for name in ["qmp.sock", "console.sock"] {
            remove(&self.inside(name))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_of_an_agent_that_knew_of_no_folder_inside_is_found() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = GuestFolder::new(temporary.path().to_owned());
        assert_eq!(folder.inside("qmp.sock"), temporary.path().join("qmp.sock"));
        folder.make(None).unwrap();
        assert_eq!(folder.inside("qmp.sock"), temporary.path().join("inside/qmp.sock"));
    }

    #[test]
    fn what_a_hostile_process_puts_in_place_of_its_files_is_not_opened() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = GuestFolder::new(temporary.path().join("guest"));
        folder.make(None).unwrap();
        let secret = temporary.path().join("secret");
        fs::write(&secret, "another's").unwrap();
        std::os::unix::fs::symlink(&secret, folder.inside("symbolic")).unwrap();
        fs::hard_link(&secret, folder.inside("hard")).unwrap();
        nix::unistd::mkfifo(&folder.inside("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        fs::create_dir(folder.inside("folder")).unwrap();
        fs::write(folder.inside("plain"), "its own").unwrap();
        for name in ["symbolic", "hard", "pipe", "folder"] {
            for writable in [false, true] {
                assert!(folder.open_inside(name, writable).is_err(), "{name}");
            }
        }
        assert!(folder.open_inside("plain", true).is_ok());
    }
}
