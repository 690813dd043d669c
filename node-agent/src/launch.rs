//! Becomes a guest: the hidden subcommand `freehold launch-guest SPEC.json`.
//!
//! Runs as root, does what needs root, gives root up for good, and turns into the hypervisor. It is a process and a session of its own,
//! so the guest outlives the agent; it writes down who it is itself, so an agent killed at the wrong moment still finds it.
//!
//! Invariants: `guest.lock` is held from before the first act to the end of the hypervisor, so an instance runs at most once; the
//! hypervisor has no privilege, no network but its taps, and no way to a file outside its own folder but what everybody may read: not to
//! the files either by which it is found again.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::fcntl::{FcntlArg, FdFlag, Flock, FlockArg, fcntl};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::resource::{Resource, setrlimit};
use nix::unistd::{Gid, Uid};
use serde::{Deserialize, Serialize};

use crate::durable;
use crate::network::tap;

/// Held by whoever is this instance's hypervisor.
pub const LOCK: &str = "guest.lock";
/// Who that is.
pub const PROCESS: &str = "process";
/// The hypervisor's working directory, the only one it can write in.
pub const INSIDE: &str = "inside";

/// Open files: disks, sockets, taps, event descriptors.
const OPEN_FILES: u64 = 1024;
/// Threads of one guest's user: processors, disk workers.
const THREADS: u64 = 512;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The instance's folder: root's, with the hypervisor's working directory in it.
    pub folder: PathBuf,
    pub program: PathBuf,
    /// `%TAP0%` stands for the first tap's descriptor.
    pub arguments: Vec<String>,
    pub taps: Vec<TapSpec>,
    /// User and group the guest runs as; `None` only where the agent itself is not root.
    pub user: Option<u32>,
    /// Groups it needs besides: that of `/dev/kvm`.
    pub groups: Vec<u32>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TapSpec {
    pub namespace: PathBuf,
    pub name: String,
}

/// Which process a guest is; the start time tells it from a later one with the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuestProcess {
    pub pid: i32,
    /// Clock ticks after boot, field 22 of `/proc/PID/stat`.
    pub start_time: u64,
}

impl GuestProcess {
    /// The process of this number as it is now; one that only waits for its parent to look is none.
    pub fn of(pid: i32) -> io::Result<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The name may contain anything; what follows its last parenthesis is fixed: state, parent, …
        let after = stat.rsplit_once(')').map(|(_, after)| after).ok_or(io::ErrorKind::InvalidData)?;
        let mut fields = after.split_ascii_whitespace();
        if matches!(fields.next(), Some("Z" | "X")) {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the process has ended"));
        }
        let start_time = fields.nth(18).and_then(|field| field.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Self { pid, start_time })
    }
}

#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    #[error("the specification {path} can not be read")]
    Spec { path: String, source: io::Error },
    #[error("the instance is already running")]
    Running,
    #[error("can not {what}: {source}")]
    Failed { what: &'static str, source: io::Error },
}

fn can<T, E: Into<io::Error>>(what: &'static str, result: Result<T, E>) -> Result<T, LaunchError> {
    result.map_err(|error| LaunchError::Failed { what, source: error.into() })
}

/// Becomes the guest that `spec` describes. Returns only if it can not. To be called before any thread is started.
pub fn launch(spec: &Path) -> Result<std::convert::Infallible, LaunchError> {
    let read = std::fs::read(spec).and_then(|bytes| serde_json::from_slice::<Spec>(&bytes).map_err(io::Error::from));
    let spec = read.map_err(|source| LaunchError::Spec { path: spec.display().to_string(), source })?;
    lock(&spec.folder)?;
    can("start a session", nix::unistd::setsid())?;
    register(&spec.folder)?;
    let taps = spec.taps.iter().map(open_tap).collect::<Result<Vec<_>, _>>()?;
    can("enter the instance's folder", std::env::set_current_dir(spec.folder.join(INSIDE)))?;
    limit()?;
    if let Some(user) = spec.user {
        can("leave the host's network", unshare(CloneFlags::CLONE_NEWNET))?;
        give_up_root(user, &spec.groups)?;
    }
    can("renounce new privileges", nix::sys::prctl::set_no_new_privs())?;
    become_program(&spec, &taps)
}

/// The lock's descriptor stays open in the hypervisor, and with it the lock.
fn lock(folder: &Path) -> Result<(), LaunchError> {
    let file = can("open the guest's lock", File::options().create(true).truncate(false).write(true).open(folder.join(LOCK)))?;
    let locked = Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| {
        if errno == nix::errno::Errno::EWOULDBLOCK {
            LaunchError::Running
        } else {
            LaunchError::Failed { what: "take the guest's lock", source: errno.into() }
        }
    })?;
    inherit(&*locked)?;
    std::mem::forget(locked);
    Ok(())
}

fn inherit(file: impl std::os::fd::AsFd) -> Result<(), LaunchError> {
    can("hand a descriptor on", fcntl(file, FcntlArg::F_SETFD(FdFlag::empty()))).map(drop)
}

fn register(folder: &Path) -> Result<(), LaunchError> {
    let own = can("read its own process", GuestProcess::of(nix::unistd::getpid().as_raw()))?;
    // It means nothing any more after the machine went down, so it need not outlive that.
    can("write down its process", durable::replace_record_unsynced(&folder.join(PROCESS), &own).map_err(io::Error::other))
}

/// Enters the tap's namespace for good: whoever needs the host's has been there before.
fn open_tap(spec: &TapSpec) -> Result<OwnedFd, LaunchError> {
    let namespace = can("open the VPC's network namespace", File::open(&spec.namespace))?;
    can("enter the VPC's network namespace", setns(namespace, CloneFlags::CLONE_NEWNET))?;
    let tap = can("open the interface's tap", tap::open(&spec.name))?;
    inherit(&tap)?;
    Ok(tap)
}

fn limit() -> Result<(), LaunchError> {
    // A core dump would hold the guest's memory.
    can("forbid core dumps", setrlimit(Resource::RLIMIT_CORE, 0, 0))?;
    can("limit open files", setrlimit(Resource::RLIMIT_NOFILE, OPEN_FILES, OPEN_FILES))?;
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o077));
    Ok(())
}

fn give_up_root(user: u32, groups: &[u32]) -> Result<(), LaunchError> {
    // Counted per user, so only for one that is the guest's own.
    can("limit threads", setrlimit(Resource::RLIMIT_NPROC, THREADS, THREADS))?;
    let (uid, gid) = (Uid::from_raw(user), Gid::from_raw(user));
    let groups: Vec<Gid> = groups.iter().copied().map(Gid::from_raw).collect();
    can("set its groups", nix::unistd::setgroups(&groups))?;
    can("set its group", nix::unistd::setresgid(gid, gid, gid))?;
    can("set its user", nix::unistd::setresuid(uid, uid, uid))
}

fn become_program(spec: &Spec, taps: &[OwnedFd]) -> Result<std::convert::Infallible, LaunchError> {
    let program = can("name the hypervisor", CString::new(spec.program.as_os_str().as_encoded_bytes()).map_err(io::Error::other))?;
    let mut arguments = vec![program.clone()];
    for argument in &spec.arguments {
        let mut argument = argument.clone();
        for (at, tap) in taps.iter().enumerate() {
            argument = argument.replace(&format!("%TAP{at}%"), &tap.as_raw_fd().to_string());
        }
        arguments.push(can("name an argument", CString::new(argument).map_err(io::Error::other))?);
    }
    can("start the hypervisor", nix::unistd::execve::<_, &std::ffi::CStr>(&program, &arguments, &[]))
}
