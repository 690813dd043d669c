//! What was carried out for an instance, in a file per instance: the part of its history that no look at the guest can tell.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::durable::{Disk, DurableError};

/// Whether the guest switched itself off since it was last started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum GuestShutdown {
    #[default]
    No,
    /// And the scheduler has not acted on it.
    Unanswered,
    /// And the scheduler has it as stopped.
    Answered,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The driver that holds the guest; empty until its first start.
    pub driver: String,
    /// Fixed before the first start.
    pub machine_type: String,
    /// Volumes whose disk was once made: one that is missing is never made anew.
    pub volumes_made: BTreeSet<String>,
    pub reboots: u64,
    pub starts: u64,
    pub guest_shutdown: GuestShutdown,
    /// Since when the guest is asked to shut down, in milliseconds since the Unix epoch.
    pub stopping_since: Option<i64>,
    /// The guest was seen to run since it was last started, and its power was not taken away. Written for guests that are to stay down
    /// when they end.
    #[serde(default)]
    pub came_up: bool,
}

impl Record {
    /// A guest is started afresh with these counts of reboots and starts.
    pub fn started(&mut self, (reboots, starts): (u64, u64)) {
        self.reboots = reboots;
        self.starts = starts;
        self.guest_shutdown = GuestShutdown::No;
        self.stopping_since = None;
        self.came_up = false;
    }

    /// Whether nothing newer than this was asked for than what it was started, or reset, for.
    pub fn is_of(&self, (reboots, starts): (u64, u64)) -> bool {
        self.reboots >= reboots && self.starts >= starts
    }
}

/// The records of this host, in memory as on disk.
#[derive(Debug)]
pub struct Records {
    disk: Disk,
    folder: PathBuf,
    held: Mutex<BTreeMap<String, Arc<Record>>>,
}

impl Records {
    pub fn open(disk: Disk, folder: &Path) -> Result<Self, DurableError> {
        disk.private_folder(folder)?;
        disk.sweep(folder)?;
        // The last run may have died before it synced a name that this one goes by.
        disk.sync_folder(folder)?;
        Ok(Self { disk, folder: folder.to_owned(), held: Mutex::default() })
    }

    pub fn load(&self, instance_id: &str) -> Result<Arc<Record>, DurableError> {
        if let Some(record) = self.held.lock().unwrap_or_else(PoisonError::into_inner).get(instance_id) {
            return Ok(Arc::clone(record));
        }
        let record = Arc::new(self.disk.read_record::<Record>(&self.folder.join(instance_id))?.unwrap_or_default());
        self.remember(instance_id, Arc::clone(&record));
        Ok(record)
    }

    pub fn save(&self, instance_id: &str, record: Record) -> Result<Arc<Record>, DurableError> {
        self.disk.replace_record(&self.folder.join(instance_id), &record)?;
        let record = Arc::new(record);
        self.remember(instance_id, Arc::clone(&record));
        Ok(record)
    }

    /// Every later agent sees it. Whether one does after the machine went down, this record or the one before, is for [`Self::sync`].
    pub fn save_unsynced(&self, instance_id: &str, record: Record) -> Result<Arc<Record>, DurableError> {
        self.disk.replace(&self.folder.join(instance_id), &crate::durable::encoded(&self.folder, &record)?)?;
        let record = Arc::new(record);
        self.remember(instance_id, Arc::clone(&record));
        Ok(record)
    }

    pub fn sync(&self) -> Result<(), DurableError> {
        self.disk.sync_folder(&self.folder)
    }

    pub fn remove(&self, instance_id: &str) -> Result<(), DurableError> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).remove(instance_id);
        self.disk.remove(&self.folder.join(instance_id))
    }

    fn remember(&self, instance_id: &str, record: Arc<Record>) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).insert(instance_id.to_owned(), record);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_a_crash_cut_off_is_the_old_one_and_leaves_nothing_when_it_goes() {
        let folder = tempfile::tempdir().unwrap();
        let records = Records::open(Disk::default(), folder.path()).unwrap();
        let written = records.save("i-1", Record { starts: 1, ..Record::default() }).unwrap();
        std::fs::write(folder.path().join("i-1.new"), b"half of someth").unwrap();
        drop(records);
        let records = Records::open(Disk::default(), folder.path()).unwrap();
        assert_eq!(records.load("i-1").unwrap(), written);
        records.remove("i-1").unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
