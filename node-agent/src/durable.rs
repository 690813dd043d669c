//! Files that survive a crash: written aside, synced, renamed into place, and checked when read.
//!
//! A sealed file is a 4-byte format word, the BLAKE3 of the payload, the payload. A reader therefore sees the old content, the new
//! content, or that the file is damaged; never half of something.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

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

/// Makes a folder, and its parents, that only its owner may enter.
pub fn private_folder(path: &Path) -> Result<(), DurableError> {
    fs::create_dir_all(path).and_then(|()| fs::set_permissions(path, Permissions::from_mode(0o700))).map_err(DurableError::io(path))
}

/// Replaces `path` by the sealed `payload`. The rename is durable once the folder was synced too, see [`sync_folder`].
pub fn replace(path: &Path, payload: &[u8]) -> Result<(), DurableError> {
    replace_aside(path, payload, true).map_err(DurableError::io(path))
}

/// [`replace`] for what may be lost with the machine, but not with the process.
pub fn replace_unsynced(path: &Path, payload: &[u8]) -> Result<(), DurableError> {
    replace_aside(path, payload, false).map_err(DurableError::io(path))
}

fn replace_aside(path: &Path, payload: &[u8], sync: bool) -> io::Result<()> {
    let aside = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
    file.write_all(FORMAT)?;
    file.write_all(blake3::hash(payload).as_bytes())?;
    file.write_all(payload)?;
    if sync {
        file.sync_all()?;
    }
    fs::rename(&aside, path)
}

/// Makes what was created, renamed or removed in `folder` durable.
pub fn sync_folder(folder: &Path) -> Result<(), DurableError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(DurableError::io(folder))
}

/// Removes what a crash left half-written in `folder`: nobody but the write that it cut off would ever look at it again.
pub fn sweep(folder: &Path) -> Result<(), DurableError> {
    for entry in fs::read_dir(folder).map_err(DurableError::io(folder))? {
        let path = entry.map_err(DurableError::io(folder))?.path();
        if path.extension().is_some_and(|extension| extension == "new") {
            remove(&path)?;
        }
    }
    Ok(())
}

/// Removes a file if it is there, durably.
pub fn remove(path: &Path) -> Result<(), DurableError> {
    remove_unsynced(path)?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// [`remove`] for what may come back with a power cut.
pub fn remove_unsynced(path: &Path) -> Result<(), DurableError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(DurableError::io(path)(error)),
        _ => Ok(()),
    }
}

/// The payload of a sealed file, `None` if there is no file.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>, DurableError> {
    let mut bytes = match fs::read(path) {
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

/// [`replace`] and [`sync_folder`] for a small record.
pub fn replace_record<T: Serialize>(path: &Path, record: &T) -> Result<(), DurableError> {
    replace(path, &encoded(path, record)?)?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// [`replace_unsynced`] for a small record.
pub fn replace_record_unsynced<T: Serialize>(path: &Path, record: &T) -> Result<(), DurableError> {
    replace_unsynced(path, &encoded(path, record)?)
}

/// The payload of a small record.
pub fn encoded<T: Serialize>(path: &Path, record: &T) -> Result<Vec<u8>, DurableError> {
    serde_json::to_vec(record).map_err(|error| DurableError::io(path)(error.into()))
}

/// [`read`] for a small record.
pub fn read_record<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, DurableError> {
    let Some(payload) = read(path)? else { return Ok(None) };
    serde_json::from_slice(&payload).map(Some).map_err(|_| DurableError::damaged(path, "not a record this version reads"))
}

#[cfg(test)]
mod tests {
    use super::*;

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
        sweep(folder.path()).unwrap();
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
