//! The plan's files: `KIND/ID`, each a sealed protobuf message; `tombstones/ID`, each a sealed number; `quarantined/ID`, empty.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Resource;
use crate::durable::{self, DurableError};

const TOMBSTONES: &str = "tombstones";
const QUARANTINED: &str = "quarantined";
const FOLDERS: [&str; 5] = ["instances", "vpcs", "security-groups", TOMBSTONES, QUARANTINED];

#[derive(Debug)]
pub(super) struct Disk {
    folder: PathBuf,
}

impl Disk {
    pub(super) fn open(folder: &Path) -> Result<Self, DurableError> {
        for kind in FOLDERS {
            durable::private_folder(&folder.join(kind))?;
        }
        Ok(Self { folder: folder.to_owned() })
    }

    pub(super) fn load<R: Resource>(&self) -> Result<BTreeMap<String, Arc<R>>, DurableError> {
        let mut resources = BTreeMap::new();
        for path in files(&self.folder.join(R::FOLDER))? {
            match read::<R>(&path) {
                Ok(Some(resource)) => drop(resources.insert(resource.id().to_owned(), Arc::new(resource))),
                Ok(None) => {}
                Err(error) => set_aside(&path, &error)?,
            }
        }
        Ok(resources)
    }

    pub(super) fn write<R: Resource>(&self, resource: &R) -> Result<(), DurableError> {
        durable::replace(&self.path::<R>(resource.id()), &resource.encode_to_vec())
    }

    pub(super) fn remove<R: Resource>(&self, id: &str) -> Result<(), DurableError> {
        durable::remove(&self.path::<R>(id))
    }

    pub(super) fn sync(&self, folders: &BTreeSet<&'static str>) -> Result<(), DurableError> {
        folders.iter().try_for_each(|folder| durable::sync_folder(&self.folder.join(folder)))
    }

    pub(super) fn load_tombstones(&self) -> Result<BTreeMap<String, u64>, DurableError> {
        let mut tombstones = BTreeMap::new();
        for path in files(&self.folder.join(TOMBSTONES))? {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
            match durable::read_record(&path) {
                Ok(Some(generation)) => drop(tombstones.insert(name, generation)),
                Ok(None) => {}
                // The scheduler repeats a tombstone until it is carried out.
                Err(error) => set_aside(&path, &error)?,
            }
        }
        Ok(tombstones)
    }

    pub(super) fn write_tombstone(&self, id: &str, generation: u64) -> Result<(), DurableError> {
        durable::replace_record(&self.tombstone(id), &generation)
    }

    pub(super) fn remove_tombstone(&self, id: &str) -> Result<(), DurableError> {
        durable::remove(&self.tombstone(id))
    }

    pub(super) fn load_quarantined(&self) -> Result<BTreeSet<String>, DurableError> {
        let names = files(&self.folder.join(QUARANTINED))?.into_iter();
        Ok(names.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect())
    }

    /// All of them, durably.
    pub(super) fn write_quarantined(&self, ids: &[String]) -> Result<(), DurableError> {
        let folder = self.folder.join(QUARANTINED);
        for id in ids {
            let path = folder.join(id);
            fs::write(&path, []).map_err(|source| DurableError::Io { path: path.display().to_string(), source })?;
        }
        if ids.is_empty() { Ok(()) } else { durable::sync_folder(&folder) }
    }

    pub(super) fn remove_quarantined(&self, id: &str) -> Result<(), DurableError> {
        durable::remove(&self.folder.join(QUARANTINED).join(id))
    }

    fn path<R: Resource>(&self, id: &str) -> PathBuf {
        self.folder.join(R::FOLDER).join(id)
    }

    fn tombstone(&self, id: &str) -> PathBuf {
        self.folder.join(TOMBSTONES).join(id)
    }
}

fn read<R: Resource>(path: &Path) -> Result<Option<R>, DurableError> {
    let Some(payload) = durable::read(path)? else { return Ok(None) };
    let damaged = |reason| DurableError::Damaged { path: path.display().to_string(), reason };
    let resource = R::decode(payload.as_slice()).map_err(|_| damaged("not a message this version reads"))?;
    if path.file_name().is_some_and(|name| name == resource.id()) && resource.well_formed() {
        Ok(Some(resource))
    } else {
        Err(damaged("its content belongs to another name"))
    }
}

/// Finished files; what a crash left half-written (`*.new`) is removed, what was set aside (`*.damaged`) is left alone.
fn files(folder: &Path) -> Result<Vec<PathBuf>, DurableError> {
    let io = |source| DurableError::Io { path: folder.display().to_string(), source };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        match path.extension().and_then(|extension| extension.to_str()) {
            None => files.push(path),
            Some("new") => durable::remove(&path)?,
            Some(_) => {}
        }
    }
    Ok(files)
}

fn set_aside(path: &Path, error: &DurableError) -> Result<(), DurableError> {
    tracing::error!(%error, "a file of the plan is damaged; it is set aside, and what it planned is left as it runs until the scheduler states it again");
    fs::rename(path, path.with_extension("damaged")).map_err(|source| DurableError::Io { path: path.display().to_string(), source })
}
