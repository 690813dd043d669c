//! Who this host is: an id drawn once, the cluster it belongs to, the newest scheduler it has seen.
//!
//! Invariant: a host that has once been welcomed into a cluster never follows another one, and never an older scheduler of its own.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use freehold_proto::id::{Entropy, HostId};
use freehold_proto::internal::host::Welcome;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};

use crate::durable::{Disk, DurableError};

/// An agent that was killed while it started a process has left the lock with that process, until it becomes another program.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct HostRecord {
    host_id: HostId,
    cluster_id: String,
    epoch: u64,
}

/// This host's identity, kept in its state folder.
#[derive(Debug)]
pub struct Host {
    disk: Disk,
    path: PathBuf,
    record: HostRecord,
    /// Held for as long as this agent lives: one agent per state folder.
    _lock: Option<Flock<File>>,
}

#[derive(Debug, thiserror::Error)]
pub enum HostError {
    #[error("another agent uses the state folder {0}; stop it, or give this one a folder of its own")]
    FolderInUse(String),
    #[error(transparent)]
    Durable(#[from] DurableError),
    #[error("the state folder {folder} can not be locked")]
    Lock { folder: String, source: std::io::Error },
}

/// Why a scheduler's Welcome is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unwelcome {
    #[error("the scheduler names no cluster")]
    NoCluster,
    #[error(
        "this host belongs to cluster {own}, the scheduler to {theirs}; use the right hosts socket, or empty the agent's state folder to give up its guests"
    )]
    OtherCluster { own: String, theirs: String },
    #[error("the scheduler's epoch {theirs} is older than {seen}, which this host has already followed: an old or restored scheduler")]
    OlderEpoch { seen: u64, theirs: u64 },
}

impl Host {
    /// Opens the identity in `folder`, drawing it if this is the first start.
    pub fn open(folder: &Path, entropy: &dyn Entropy) -> Result<Self, HostError> {
        Disk::default().private_folder(folder)?;
        let lock = lock(folder)?;
        Ok(Self { _lock: Some(lock), ..Self::load(Disk::default(), folder, entropy)? })
    }

    /// As [`Self::open`], on a disk that nobody else has.
    pub fn load(disk: Disk, folder: &Path, entropy: &dyn Entropy) -> Result<Self, DurableError> {
        disk.private_folder(folder)?;
        // The last run may have died before it synced the identity that this one goes by.
        disk.sync_folder(folder)?;
        let path = folder.join("host");
        let record = if let Some(record) = disk.read_record(&path)? {
            record
        } else {
            let record = HostRecord { host_id: HostId::draw(entropy), cluster_id: String::new(), epoch: 0 };
            disk.replace_record(&path, &record)?;
            record
        };
        Ok(Self { disk, path, record, _lock: None })
    }

    pub fn id(&self) -> &HostId {
        &self.record.host_id
    }

    /// Empty until the first Welcome.
    pub fn cluster_id(&self) -> &str {
        &self.record.cluster_id
    }

    /// Takes the scheduler's word over, durably, or says why it is not to be followed.
    pub fn welcomed(&mut self, welcome: &Welcome) -> Result<Result<(), Unwelcome>, DurableError> {
        if let Err(reason) = self.judge(welcome) {
            return Ok(Err(reason));
        }
        if self.record.epoch != welcome.epoch || self.record.cluster_id.is_empty() {
            let record = HostRecord { host_id: self.record.host_id.clone(), cluster_id: welcome.cluster_id.clone(), epoch: welcome.epoch };
            self.disk.replace_record(&self.path, &record)?;
            self.record = record;
        }
        Ok(Ok(()))
    }

    fn judge(&self, welcome: &Welcome) -> Result<(), Unwelcome> {
        if welcome.cluster_id.is_empty() {
            return Err(Unwelcome::NoCluster);
        }
        if !self.record.cluster_id.is_empty() && self.record.cluster_id != welcome.cluster_id {
            return Err(Unwelcome::OtherCluster { own: self.record.cluster_id.clone(), theirs: welcome.cluster_id.clone() });
        }
        if welcome.epoch < self.record.epoch {
            return Err(Unwelcome::OlderEpoch { seen: self.record.epoch, theirs: welcome.epoch });
        }
        Ok(())
    }
}

fn lock(folder: &Path) -> Result<Flock<File>, HostError> {
    let failed = |source: std::io::Error| HostError::Lock { folder: folder.display().to_string(), source };
    let mut file = File::options().create(true).truncate(false).write(true).open(folder.join("agent.lock")).map_err(failed)?;
    let deadline = Instant::now() + LOCK_PATIENCE;
    loop {
        file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(locked) => return Ok(locked),
            Err((file, Errno::EWOULDBLOCK)) if Instant::now() < deadline => file,
            Err((_, Errno::EWOULDBLOCK)) => return Err(HostError::FolderInUse(folder.display().to_string())),
            Err((_, errno)) => return Err(failed(errno.into())),
        };
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[cfg(test)]
mod tests {
    use freehold_proto::id::OsEntropy;

    use super::*;

    fn welcome(cluster_id: &str, epoch: u64) -> Welcome {
        Welcome { cluster_id: cluster_id.to_owned(), epoch }
    }

    #[test]
    fn the_id_is_drawn_once_and_the_cluster_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut host = Host::open(folder.path(), &OsEntropy).unwrap();
        host.welcomed(&welcome("cluster-a", 3)).unwrap().unwrap();
        let id = host.id().clone();
        drop(host);
        let host = Host::open(folder.path(), &OsEntropy).unwrap();
        assert_eq!((host.id(), host.cluster_id()), (&id, "cluster-a"));
    }

    #[test]
    fn another_cluster_and_an_older_epoch_are_refused_also_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let mut host = Host::open(folder.path(), &OsEntropy).unwrap();
        host.welcomed(&welcome("cluster-a", 3)).unwrap().unwrap();
        drop(host);
        let mut host = Host::open(folder.path(), &OsEntropy).unwrap();
        assert!(matches!(host.welcomed(&welcome("cluster-b", 9)).unwrap(), Err(Unwelcome::OtherCluster { .. })));
        assert!(matches!(host.welcomed(&welcome("cluster-a", 2)).unwrap(), Err(Unwelcome::OlderEpoch { seen: 3, theirs: 2 })));
        assert_eq!(host.welcomed(&welcome("", 9)).unwrap(), Err(Unwelcome::NoCluster));
        assert_eq!(host.welcomed(&welcome("cluster-a", 3)).unwrap(), Ok(()));
    }

    #[test]
    fn a_state_folder_has_one_agent() {
        let folder = tempfile::tempdir().unwrap();
        let _first = Host::open(folder.path(), &OsEntropy).unwrap();
        assert!(matches!(Host::open(folder.path(), &OsEntropy), Err(HostError::FolderInUse(_))));
    }
}
