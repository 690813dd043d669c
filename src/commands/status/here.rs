//! What can be seen on this machine without asking any part: processes, disks.

use std::collections::BTreeMap;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use nix::sys::statvfs::{FsFlags, statvfs};

use super::problem::Problem;
use crate::config::Config;
use crate::part::Part;
use crate::pidfile;

/// A file system with less room than both of these is about to be full.
const LOW_SHARE: u64 = 20;
const LOW_BYTES: u64 = 5 << 30;

/// With less than this, whatever its size, writes are about to fail.
const VERY_LOW_BYTES: u64 = 512 << 20;

pub const PARTS: [Part; 6] = [Part::Supervisor, Part::ControlPlane, Part::Gateway, Part::Scheduler, Part::ImageStore, Part::Agent];

/// Which parts' processes live here, with their numbers.
pub struct Here<'c> {
    pub config: &'c Config,
    pub processes: BTreeMap<&'static str, Option<i32>>,
}

/// Each looks at one thing. A new one is a function of its own and a line here.
const CHECKS: &[fn(&Here<'_>) -> Vec<Problem>] = &[agent, stopped, image_store, disks];

impl<'c> Here<'c> {
    pub fn look(config: &'c Config) -> Self {
        let folders = config.folders();
        let pid = |part: Part| pidfile::read(&part.pid_file(&folders)).map(|process| process.pid);
        Self { config, processes: PARTS.into_iter().map(|part| (part.name(), pid(part))).collect() }
    }

    pub fn runs(&self, part: Part) -> bool {
        self.pid(part).is_some()
    }

    pub fn nothing_runs(&self) -> bool {
        !PARTS.into_iter().any(|part| self.runs(part))
    }

    fn pid(&self, part: Part) -> Option<i32> {
        self.processes.get(part.name()).copied().flatten()
    }

    pub fn log(&self, part: Part) -> PathBuf {
        part.log_file(&self.config.folders())
    }

    /// When a part that is gone was last heard of.
    pub fn last_word(&self, part: Part) -> Option<SystemTime> {
        std::fs::metadata(self.log(part)).and_then(|log| log.modified()).ok()
    }

    pub fn problems(&self) -> Vec<Problem> {
        CHECKS.iter().flat_map(|check| check(self)).collect()
    }
}

fn agent(here: &Here<'_>) -> Vec<Problem> {
    if here.runs(Part::Agent) {
        return Vec::new();
    }
    let what = "no agent runs on this host, so its guests are not looked after";
    let remedy = format!("`freehold up` starts it; {} says why it ended", here.log(Part::Agent).display());
    vec![Problem::of("agent", what, remedy).since(here.last_word(Part::Agent))]
}

/// Processes that are there and do nothing.
fn stopped(here: &Here<'_>) -> Vec<Problem> {
    let frozen = |part: &Part| here.pid(*part).is_some_and(is_stopped);
    let problem = |part: Part| {
        let pid = here.pid(part).unwrap_or_default();
        Problem::of(part.name(), "its process is stopped and does nothing", format!("kill -CONT {pid} lets it go on"))
    };
    PARTS.into_iter().filter(frozen).map(problem).collect()
}

/// `T` in `/proc/PID/stat`, behind the command in brackets.
fn is_stopped(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['T', 't']))
}

fn image_store(here: &Here<'_>) -> Vec<Problem> {
    let expected = [Part::ControlPlane, Part::ImageStore].into_iter().find(|part| here.runs(*part));
    let socket = here.config.sockets().images;
    match (expected, UnixStream::connect(&socket)) {
        (Some(part), Err(error)) => {
            let what = format!("its socket {} does not answer: {error}", socket.display());
            let remedy = format!("launches wait for images until it does; {} says more", here.log(part).display());
            vec![Problem::of("image store", what, remedy)]
        }
        _ => Vec::new(),
    }
}

/// Each file system that a part of this machine writes to, once.
fn disks(here: &Here<'_>) -> Vec<Problem> {
    let config = here.config;
    let folders: [(&Path, bool); 4] = [
        (&config.scheduler.data, here.runs(Part::ControlPlane) || here.runs(Part::Scheduler)),
        (&config.image_store.folder, here.runs(Part::ControlPlane) || here.runs(Part::ImageStore)),
        (&config.agent.state_folder, here.runs(Part::Agent)),
        (&config.folders().log_dir, true),
    ];
    let mut seen = std::collections::BTreeSet::new();
    let mut problems = Vec::new();
    for (folder, _) in folders.into_iter().filter(|(folder, used)| *used && folder.exists()) {
        match statvfs(folder) {
            Ok(disk) if seen.insert(disk.filesystem_id()) => {
                let (size, free) = (disk.blocks() * disk.fragment_size(), disk.blocks_available() * disk.fragment_size());
                problems.extend(disk_problem(folder, size, free, disk.flags().contains(FsFlags::ST_RDONLY)));
            }
            Ok(_) => {}
            Err(error) => problems.push(Problem::of("disk", format!("{} can not be looked at: {error}", folder.display()), "see its disk")),
        }
    }
    problems
}

fn disk_problem(folder: &Path, size: u64, free: u64, read_only: bool) -> Option<Problem> {
    let of = folder.display();
    if read_only {
        let remedy = "dmesg says why; once the disk is well: mount -o remount,rw";
        return Some(Problem::of("disk", format!("the file system of {of} is read-only, so nothing can be changed"), remedy));
    }
    let low = free < VERY_LOW_BYTES || (free < LOW_BYTES && free < size / LOW_SHARE);
    low.then(|| {
        let what = format!("the file system of {of} has {} MiB left of {} MiB", free >> 20, size >> 20);
        Problem::of("disk", what, format!("make room there: du -xh --max-depth=2 {of} | sort -h"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(size: u64, free: u64, read_only: bool) -> Option<String> {
        disk_problem(Path::new("/var/lib/freehold"), size, free, read_only).map(|problem| problem.what)
    }

    #[test]
    fn a_disk_is_a_problem_when_it_is_nearly_full_or_read_only() {
        const GIB: u64 = 1 << 30;
        assert_eq!(found(100 * GIB, 50 * GIB, false), None);
        assert_eq!(found(10 * GIB, GIB, false), None, "a tenth of a small one");
        assert_eq!(found(10_000 * GIB, 100 * GIB, false), None, "a hundredth of a large one is room enough");
        assert!(found(100 * GIB, 4 * GIB, false).is_some_and(|what| what.contains("4096 MiB left")));
        assert!(found(GIB, 400 << 20, false).is_some(), "too little for a launch, whatever the share");
        assert!(found(100 * GIB, 50 * GIB, true).is_some_and(|what| what.contains("read-only")));
    }

    #[test]
    fn a_process_that_works_is_not_stopped() {
        assert!(!is_stopped(i32::try_from(std::process::id()).expect("a pid")));
        assert!(!is_stopped(i32::MAX), "nor is one that is not there");
    }
}
