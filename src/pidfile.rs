//! Pid files that can be trusted: `PID START-TIME`, locked by the process that they name for as long as it lives.
//!
//! The lock keeps a second process of the same kind out; the start time keeps a number that the kernel has given to somebody else from
//! being taken for ours.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A process that was killed while it started another has left its lock with that one, until it becomes another program.
const PATIENCE: Duration = Duration::from_secs(2);

/// A process, told apart from a later one with the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    pub pid: i32,
    /// Clock ticks since boot, from `/proc/PID/stat`.
    start_time: u64,
}

/// A held pid file; the kernel drops the lock with the process.
pub struct Claim(#[expect(dead_code, reason = "held for its lock")] Flock<File>);

impl Process {
    pub fn current() -> io::Result<Self> {
        let pid = nix::unistd::getpid().as_raw();
        let start_time = start_time(pid).ok_or_else(|| io::Error::other("/proc is not mounted"))?;
        Ok(Self { pid, start_time })
    }

    pub fn is_alive(self) -> bool {
        start_time(self.pid) == Some(self.start_time)
    }

    /// Sends `signal` if the process is still the one meant. One that is gone is no error.
    pub fn signal(self, signal: Signal) -> io::Result<()> {
        if !self.is_alive() {
            return Ok(());
        }
        match kill(Pid::from_raw(self.pid), signal) {
            Ok(()) | Err(nix::errno::Errno::ESRCH) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Takes the pid file for this process. `Ok(None)`: a living process holds it.
pub fn claim(path: &Path) -> io::Result<Option<Claim>> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    let Some(mut locked) = lock(file)? else { return Ok(None) };
    let own = Process::current()?;
    locked.set_len(0)?;
    locked.rewind()?;
    writeln!(locked, "{} {}", own.pid, own.start_time)?;
    Ok(Some(Claim(locked)))
}

/// The lock, unless a process keeps it.
fn lock(mut file: File) -> io::Result<Option<Flock<File>>> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(locked) => return Ok(Some(locked)),
            Err((file, Errno::EWOULDBLOCK)) if Instant::now() < deadline => file,
            Err((_, Errno::EWOULDBLOCK)) => return Ok(None),
            Err((_, error)) => return Err(error.into()),
        };
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The living process that a pid file names.
pub fn read(path: &Path) -> Option<Process> {
    let mut text = String::new();
    File::open(path).ok()?.take(64).read_to_string(&mut text).ok()?;
    let (pid, start_time) = text.trim().split_once(' ')?;
    let process = Process { pid: pid.parse().ok()?, start_time: start_time.parse().ok()? };
    process.is_alive().then_some(process)
}

/// Field 22 of `/proc/PID/stat`; a zombie counts as gone.
fn start_time(pid: i32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field, the command in brackets, may itself hold spaces and brackets.
    let mut fields = stat.get(stat.rfind(')')? + 2..)?.split(' ');
    if fields.next()? == "Z" {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claimed_file_names_this_process_and_keeps_a_second_one_out() {
        let folder = tempfile::tempdir().expect("tempdir");
        let path = folder.path().join("run/agent.pid");
        let claim_1 = claim(&path).expect("claim").expect("free");
        assert_eq!(read(&path), Some(Process::current().expect("proc")));
        assert!(claim(&path).expect("claim").is_none(), "a second claim must be refused");
        drop(claim_1);
        assert!(claim(&path).expect("claim").is_some());
    }

    #[test]
    fn a_reused_pid_is_not_taken_for_ours() {
        let folder = tempfile::tempdir().expect("tempdir");
        let path = folder.path().join("agent.pid");
        let own = Process::current().expect("proc");
        std::fs::write(&path, format!("{} {}\n", own.pid, own.start_time + 1)).expect("write");
        assert_eq!(read(&path), None);
        for damaged in ["", "x y", "12", "999999999 1"] {
            std::fs::write(&path, damaged).expect("write");
            assert_eq!(read(&path), None, "{damaged:?}");
        }
    }
}
