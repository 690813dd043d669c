//! The plan's files: `KIND/ID`, each a sealed protobuf message; `tombstones/ID`, each a sealed number; `quarantined/ID`, empty;
//! `elsewhere/0` to `elsewhere/f`, and the same of `public` and `translated`, each a sealed row of messages.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Resource;
use crate::durable;
use crate::durable::DurableError;

const TOMBSTONES: &str = "tombstones";
const QUARANTINED: &str = "quarantined";
const FOLDERS: [&str; 9] =
    ["instances", "vpcs", "security-groups", "nat-gateways", TOMBSTONES, QUARANTINED, "elsewhere", "public", "translated"];

#[derive(Debug)]
pub(super) struct Disk {
    files: durable::Disk,
    folder: PathBuf,
}

impl Disk {
    pub(super) fn open(files: durable::Disk, folder: &Path) -> Result<Self, DurableError> {
        for kind in FOLDERS {
            files.private_folder(&folder.join(kind))?;
            // The last run may have died before it synced a name that this one goes by.
            files.sync_folder(&folder.join(kind))?;
        }
        Ok(Self { files, folder: folder.to_owned() })
    }

    pub(super) fn load<R: Resource>(&self) -> Result<BTreeMap<String, Arc<R>>, DurableError> {
        let mut resources = BTreeMap::new();
        for path in self.finished(&self.folder.join(R::FOLDER))? {
            match self.read::<R>(&path) {
                Ok(Some(resource)) => drop(resources.insert(resource.id().to_owned(), Arc::new(resource))),
                Ok(None) => {}
                Err(error) => self.set_aside(&path, &error)?,
            }
        }
        Ok(resources)
    }

    pub(super) fn write<R: Resource>(&self, resource: &R) -> Result<(), DurableError> {
        self.files.replace(&self.path::<R>(resource.id()), &resource.encode_to_vec())
    }

    pub(super) fn remove<R: Resource>(&self, id: &str) -> Result<(), DurableError> {
        self.files.remove(&self.path::<R>(id))
    }

    pub(super) fn sync(&self, folders: &BTreeSet<&'static str>) -> Result<(), DurableError> {
        folders.iter().try_for_each(|folder| self.files.sync_folder(&self.folder.join(folder)))
    }

    pub(super) fn load_tombstones(&self) -> Result<BTreeMap<String, u64>, DurableError> {
        let mut tombstones = BTreeMap::new();
        for path in self.finished(&self.folder.join(TOMBSTONES))? {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
            match self.files.read_record(&path) {
                Ok(Some(generation)) => drop(tombstones.insert(name, generation)),
                Ok(None) => {}
                // The scheduler repeats a tombstone until it is carried out.
                Err(error) => self.set_aside(&path, &error)?,
            }
        }
        Ok(tombstones)
    }

    pub(super) fn write_tombstone(&self, id: &str, generation: u64) -> Result<(), DurableError> {
        self.files.replace_record(&self.tombstone(id), &generation)
    }

    pub(super) fn remove_tombstone(&self, id: &str) -> Result<(), DurableError> {
        self.files.remove(&self.tombstone(id))
    }

    pub(super) fn load_quarantined(&self) -> Result<BTreeSet<String>, DurableError> {
        let names = self.finished(&self.folder.join(QUARANTINED))?.into_iter();
        Ok(names.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect())
    }

    /// All of them, durably.
    pub(super) fn write_quarantined(&self, ids: &[String]) -> Result<(), DurableError> {
        let folder = self.folder.join(QUARANTINED);
        for id in ids {
            self.files.mark(&folder.join(id))?;
        }
        if ids.is_empty() { Ok(()) } else { self.files.sync_folder(&folder) }
    }

    pub(super) fn remove_quarantined(&self, id: &str) -> Result<(), DurableError> {
        self.files.remove(&self.folder.join(QUARANTINED).join(id))
    }

    /// `None` for a file that is not there, or that was damaged and is now aside.
    pub(super) fn read_elsewhere(&self, folder: &str, name: &str) -> Result<Option<Vec<u8>>, DurableError> {
        let path = self.folder.join(folder).join(name);
        match self.files.read(&path) {
            Err(error @ DurableError::Damaged { .. }) => self.set_aside(&path, &error).map(|()| None),
            read => read,
        }
    }

    pub(super) fn replace_elsewhere(&self, folder: &str, name: &str, payload: &[u8]) -> Result<(), DurableError> {
        self.files.replace(&self.folder.join(folder).join(name), payload)
    }

    pub(super) fn sync_elsewhere(&self, folder: &str) -> Result<(), DurableError> {
        self.files.sync_folder(&self.folder.join(folder))
    }

    fn path<R: Resource>(&self, id: &str) -> PathBuf {
        self.folder.join(R::FOLDER).join(id)
    }

    fn tombstone(&self, id: &str) -> PathBuf {
        self.folder.join(TOMBSTONES).join(id)
    }

    fn read<R: Resource>(&self, path: &Path) -> Result<Option<R>, DurableError> {
        let Some(payload) = self.files.read(path)? else { return Ok(None) };
        let damaged = |reason| DurableError::Damaged { path: path.display().to_string(), reason };
        let resource = R::decode(payload.as_slice()).map_err(|_| damaged("not a message this version reads"))?;
        if path.file_name().is_some_and(|name| name == resource.id()) && resource.well_formed() {
            Ok(Some(resource))
        } else {
            Err(damaged("its content belongs to another name"))
        }
    }

    /// Finished files; what a crash left half-written (`*.new`) is removed, what was set aside (`*.damaged`) is left alone.
    fn finished(&self, folder: &Path) -> Result<Vec<PathBuf>, DurableError> {
        let mut finished = Vec::new();
        for path in self.files.list(folder)? {
            match path.extension().and_then(|extension| extension.to_str()) {
                None => finished.push(path),
                Some("new") => self.files.remove(&path)?,
                Some(_) => {}
            }
        }
        Ok(finished)
    }

    fn set_aside(&self, path: &Path, error: &DurableError) -> Result<(), DurableError> {
        tracing::error!(%error, "a file of the plan is damaged; it is set aside, and what it planned is left as it runs until the scheduler states it again");
        self.files.rename(path, &path.with_extension("damaged"))
    }
}
