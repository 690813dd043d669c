//! Files that survive a crash: written aside, synced, renamed into place, and checked when read.
//!
//! A sealed file is a 4-byte format word, the BLAKE3 of the payload, the payload. A reader therefore sees the old content, the new
//! content, or that the file is damaged; never half of something.
//!
//! What it asks of a disk is [`Files`]: the machine's own, or one of a simulation that forgets what was not synced.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The format's version is its last byte; a reader refuses any other.
const FORMAT: &[u8; 4] = b"FHA1";
const HEADER_BYTES: usize = 4 + blake3::OUT_LEN;

#[derive(Debug, thiserror::Error)]
pub enum DurableError {
    #[error("{path} can not be read or written")]
    Io { path: String, source: io::Error },
    #[error("{path} is damaged: {reason}")]
    Damaged { path: String, reason: &'static str },
}

impl DurableError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::Io { path: path.display().to_string(), source }
    }

    fn damaged(path: &Path, reason: &'static str) -> Self {
        Self::Damaged { path: path.display().to_string(), reason }
    }
}

/// A disk as far as records need one.
pub trait Files: Send + Sync + std::fmt::Debug {
    /// With its parents, entered by its owner alone.
    fn make_folder(&self, path: &Path) -> io::Result<()>;

    /// Every entry's path, in any order.
    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>>;

    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// A new content, on the disk when this returns if `synced`. That the file has this name is so only after [`Files::sync_folder`].
    fn write(&self, path: &Path, content: &[&[u8]], synced: bool) -> io::Result<()>;

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    fn remove(&self, path: &Path) -> io::Result<()>;

    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
}

/// The machine's own.
#[derive(Debug)]
pub(crate) struct Machine;

impl Files for Machine {
    fn make_folder(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path).and_then(|()| fs::set_permissions(path, Permissions::from_mode(0o700)))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect()
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn write(&self, path: &Path, content: &[&[u8]], synced: bool) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        content.iter().try_for_each(|part| file.write_all(part))?;
        if synced { file.sync_all() } else { Ok(()) }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder).and_then(|folder| folder.sync_all())
    }
}

/// Where records are. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Disk(Arc<dyn Files>);

impl Default for Disk {
    /// The machine's own.
    fn default() -> Self {
        Self(Arc::new(Machine))
    }
}

impl Disk {
    pub fn of(files: Arc<dyn Files>) -> Self {
        Self(files)
    }

    /// Makes a folder, and its parents, that only its owner may enter.
    pub fn private_folder(&self, path: &Path) -> Result<(), DurableError> {
        self.0.make_folder(path).map_err(DurableError::io(path))
    }

    /// Every entry's path, in any order.
    pub fn list(&self, folder: &Path) -> Result<Vec<PathBuf>, DurableError> {
        self.0.list(folder).map_err(DurableError::io(folder))
    }

    /// Replaces `path` by the sealed `payload`. The rename is durable once the folder was synced too, see [`Self::sync_folder`].
    pub fn replace(&self, path: &Path, payload: &[u8]) -> Result<(), DurableError> {
        self.replace_aside(path, payload, true).map_err(DurableError::io(path))
    }

    /// [`Self::replace`] for what may be lost with the machine, but not with the process.
    pub fn replace_unsynced(&self, path: &Path, payload: &[u8]) -> Result<(), DurableError> {
        self.replace_aside(path, payload, false).map_err(DurableError::io(path))
    }

    fn replace_aside(&self, path: &Path, payload: &[u8], synced: bool) -> io::Result<()> {
        let aside = path.with_extension("new");
        self.0.write(&aside, &[FORMAT, blake3::hash(payload).as_bytes(), payload], synced)?;
        self.0.rename(&aside, path)
    }

    /// Makes what was created, renamed or removed in `folder` durable.
    pub fn sync_folder(&self, folder: &Path) -> Result<(), DurableError> {
        self.0.sync_folder(folder).map_err(DurableError::io(folder))
    }

    /// Gives a file another name, which a crash may undo.
    pub fn rename(&self, from: &Path, to: &Path) -> Result<(), DurableError> {
        self.0.rename(from, to).map_err(DurableError::io(from))
    }

    /// Removes what a crash left half-written in `folder`: nobody but the write that it cut off would ever look at it again.
    pub fn sweep(&self, folder: &Path) -> Result<(), DurableError> {
        let half_written = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "new");
        self.list(folder)?.iter().filter(|path| half_written(path)).try_for_each(|path| self.remove(path))
    }

    /// Removes a file if it is there, durably.
    pub fn remove(&self, path: &Path) -> Result<(), DurableError> {
        self.remove_unsynced(path)?;
        path.parent().map_or(Ok(()), |folder| self.sync_folder(folder))
    }

    /// [`Self::remove`] for what may come back with a power cut.
    pub fn remove_unsynced(&self, path: &Path) -> Result<(), DurableError> {
        match self.0.remove(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(DurableError::io(path)(error)),
            _ => Ok(()),
        }
    }

    /// The payload of a sealed file, `None` if there is no file.
    pub fn read(&self, path: &Path) -> Result<Option<Vec<u8>>, DurableError> {
        let mut bytes = match self.0.read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(DurableError::io(path)(error)),
        };
        if bytes.len() < HEADER_BYTES {
            return Err(DurableError::damaged(path, "shorter than its header"));
        }
        let payload = bytes.split_off(HEADER_BYTES);
        if bytes[..4] != FORMAT[..] {
            return Err(DurableError::damaged(path, "not of a format this version reads"));
        }
        if bytes[4..] != blake3::hash(&payload).as_bytes()[..] {
            return Err(DurableError::damaged(path, "its checksum does not match"));
        }
        Ok(Some(payload))
    }

    /// [`Self::replace`] and [`Self::sync_folder`] for a small record.
    pub fn replace_record<T: Serialize>(&self, path: &Path, record: &T) -> Result<(), DurableError> {
        self.replace(path, &encoded(path, record)?)?;
        path.parent().map_or(Ok(()), |folder| self.sync_folder(folder))
    }

    /// [`Self::replace_unsynced`] for a small record.
    pub fn replace_record_unsynced<T: Serialize>(&self, path: &Path, record: &T) -> Result<(), DurableError> {
        self.replace_unsynced(path, &encoded(path, record)?)
    }

    /// A file that says all it has to say by being there. Durable once its folder was synced.
    pub fn mark(&self, path: &Path) -> Result<(), DurableError> {
        self.0.write(path, &[], false).map_err(DurableError::io(path))
    }

    /// [`Self::read`] for a small record.
    pub fn read_record<T: DeserializeOwned>(&self, path: &Path) -> Result<Option<T>, DurableError> {
        let Some(payload) = self.read(path)? else { return Ok(None) };
        serde_json::from_slice(&payload).map(Some).map_err(|_| DurableError::damaged(path, "not a record this version reads"))
    }
}

/// The payload of a small record.
pub fn encoded<T: Serialize>(path: &Path, record: &T) -> Result<Vec<u8>, DurableError> {
    serde_json::to_vec(record).map_err(|error| DurableError::io(path)(error.into()))
}

/// [`Disk::private_folder`] on the machine's own disk, as the following are.
pub fn private_folder(path: &Path) -> Result<(), DurableError> {
    Disk::default().private_folder(path)
}

pub fn remove(path: &Path) -> Result<(), DurableError> {
    Disk::default().remove(path)
}

pub fn remove_unsynced(path: &Path) -> Result<(), DurableError> {
    Disk::default().remove_unsynced(path)
}

pub fn replace_record<T: Serialize>(path: &Path, record: &T) -> Result<(), DurableError> {
    Disk::default().replace_record(path, record)
}

pub fn replace_record_unsynced<T: Serialize>(path: &Path, record: &T) -> Result<(), DurableError> {
    Disk::default().replace_record_unsynced(path, record)
}

pub fn read_record<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, DurableError> {
    Disk::default().read_record(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replace(path: &Path, payload: &[u8]) -> Result<(), DurableError> {
        Disk::default().replace(path, payload)
    }

    fn read(path: &Path) -> Result<Option<Vec<u8>>, DurableError> {
        Disk::default().read(path)
    }

    fn sealed() -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record");
        replace(&path, b"what was said").unwrap();
        (folder, path)
    }

    #[test]
    fn what_was_written_is_read() {
        let (_folder, path) = sealed();
        assert_eq!(read(&path).unwrap().as_deref(), Some(&b"what was said"[..]));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn every_truncation_and_every_flipped_byte_is_noticed() {
        let (_folder, path) = sealed();
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            fs::write(&path, &whole[..at]).unwrap();
            assert!(matches!(read(&path), Err(DurableError::Damaged { .. })), "cut at {at}");
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            fs::write(&path, &flipped).unwrap();
            assert!(matches!(read(&path), Err(DurableError::Damaged { .. })), "flipped at {at}");
        }
    }

    #[test]
    fn a_crash_before_the_rename_leaves_the_old_content() {
        let (_folder, path) = sealed();
        fs::write(path.with_extension("new"), b"half of someth").unwrap();
        assert_eq!(read(&path).unwrap().as_deref(), Some(&b"what was said"[..]));
        replace(&path, b"the next").unwrap();
        assert_eq!(read(&path).unwrap().as_deref(), Some(&b"the next"[..]));
    }

    #[test]
    fn what_a_crash_left_half_written_is_swept_and_nothing_else() {
        let (folder, path) = sealed();
        fs::write(path.with_extension("new"), b"half of someth").unwrap();
        fs::write(path.with_extension("damaged"), b"set aside").unwrap();
        Disk::default().sweep(folder.path()).unwrap();
        assert!(!path.with_extension("new").exists());
        assert!(path.exists() && path.with_extension("damaged").exists());
    }

    #[test]
    fn removing_what_is_absent_succeeds() {
        let (_folder, path) = sealed();
        remove(&path).unwrap();
        remove(&path).unwrap();
        assert!(read(&path).unwrap().is_none());
    }
}
