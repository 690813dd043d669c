//! A user of its own for each guest: a file per number that is taken, with the instance's id in it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;

use crate::durable;
use crate::hypervisor::{DriverError, FaultCode};

/// `[agent.qemu.users]`: numbers that nothing else on this machine uses; each agent of a machine wants a range of its own.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UserRange {
    /// Default 700000.
    pub first: u32,
    /// How many. Default 65536.
    pub count: u32,
}

impl Default for UserRange {
    fn default() -> Self {
        Self { first: 700_000, count: 65_536 }
    }
}

pub(super) struct Users {
    folder: PathBuf,
    range: UserRange,
    taken: Mutex<BTreeMap<String, u32>>,
}

impl Users {
    pub(super) fn open(folder: &Path, range: UserRange) -> Result<Self, DriverError> {
        durable::private_folder(folder)?;
        let taken = load(folder).map_err(|source| DriverError::because(FaultCode::Host, "the guests' users can not be read", source))?;
        Ok(Self { folder: folder.to_owned(), range, taken: Mutex::new(taken) })
    }

    /// The instance's user, its own until [`Self::release`]. Not synced: after the machine went down nothing runs under it any more, and
    /// whatever number the instance is given then, its files are given to that at its launch.
    pub(super) fn claim(&self, instance_id: &str) -> Result<u32, DriverError> {
        let failed = |source: io::Error| DriverError::because(FaultCode::Host, "no user can be claimed for the guest", source);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(user) = taken.get(instance_id) {
            return Ok(*user);
        }
        let running = running_users().map_err(failed)?;
        for user in self.range.first..self.range.first.saturating_add(self.range.count) {
            // A number that something runs under is somebody else's, whatever is written here.
            if running.contains(&user) || !self.write(user, instance_id).map_err(failed)? {
                continue;
            }
            taken.insert(instance_id.to_owned(), user);
            return Ok(user);
        }
        Err(DriverError::new(FaultCode::Host, "every user of agent.qemu.users is taken; widen the range"))
    }

    /// `false` if the number is taken.
    fn write(&self, user: u32, instance_id: &str) -> io::Result<bool> {
        let mut file = match File::options().write(true).create_new(true).open(self.folder.join(user.to_string())) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
            Err(error) => return Err(error),
        };
        file.write_all(instance_id.as_bytes())?;
        Ok(true)
    }

    pub(super) fn release(&self, instance_id: &str) -> Result<(), DriverError> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(user) = taken.remove(instance_id) {
            durable::remove_unsynced(&self.folder.join(user.to_string()))?;
        }
        Ok(())
    }
}

/// A file that a crash left empty belongs to nobody and is removed.
fn load(folder: &Path) -> io::Result<BTreeMap<String, u32>> {
    let mut taken = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let instance_id = fs::read_to_string(&path)?;
        let user = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
        match user {
            Some(user) if !instance_id.is_empty() => drop(taken.insert(instance_id, user)),
            _ => fs::remove_file(&path)?,
        }
    }
    Ok(taken)
}

fn running_users() -> io::Result<std::collections::BTreeSet<u32>> {
    let mut users = std::collections::BTreeSet::new();
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().bytes().all(|byte| byte.is_ascii_digit())
            && let Ok(metadata) = entry.metadata()
        {
            users.insert(metadata.uid());
        }
    }
    Ok(users)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(folder: &Path, count: u32) -> Users {
        Users::open(folder, UserRange { first: 3_000_000_000, count }).unwrap()
    }

    #[test]
    fn each_instance_has_a_user_that_survives_and_comes_free_again() {
        let folder = tempfile::tempdir().unwrap();
        let two = users(folder.path(), 2);
        let (a, b) = (two.claim("i-a").unwrap(), two.claim("i-b").unwrap());
        assert_ne!(a, b);
        assert_eq!(two.claim("i-a").unwrap(), a);
        let two = users(folder.path(), 2);
        assert_eq!(two.claim("i-b").unwrap(), b, "after a restart");
        assert!(two.claim("i-c").is_err(), "none is left");
        two.release("i-a").unwrap();
        assert_eq!(two.claim("i-c").unwrap(), a);
    }

    #[test]
    fn a_claim_that_was_cut_off_belongs_to_nobody() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("3000000000"), "").unwrap();
        assert_eq!(users(folder.path(), 1).claim("i-a").unwrap(), 3_000_000_000);
    }
}
