//! Images on this host: each manifest once, as a sparse read-only raw file that overlays stand on.
//!
//! ```text
//! FOLDER/ID.manifest   canonical bytes, which hash to ID; its modification time is when the image was last asked for
//! FOLDER/ID.raw        the disk; a hard link to it from a volume keeps the content, whatever happens here
//! FOLDER/ID.part       being fetched
//! ```
//!
//! Invariants: a `.raw` was whole, verified and on the disk before it got its name; one that no longer is what its manifest says is
//! fetched again, not handed out; what a volume links to is in use and is not evicted.

mod fetch;
mod manifest;
mod space;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use freehold_link::Service;

use crate::durable::{self, DurableError};
use crate::grants::Grants;
use crate::line::Line;
use crate::reconciler::Queue;
use manifest::{BLOCK_BYTES, Manifest};
pub use space::held;

#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    #[error("\"{0}\" is not a manifest's id")]
    Malformed(String),
    #[error("the image store: {0}")]
    Store(String),
    #[error("what the image store sent is not what manifest {0} says")]
    Forged(String),
    #[error("the image cache can not be written")]
    Io(#[from] io::Error),
}

/// What [`ImageCache::want`] found.
#[derive(Debug)]
pub enum Wanted {
    Ready(CachedImage),
    /// It is being fetched; the instance is woken when that ended, well or not.
    Fetching,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedImage {
    pub path: PathBuf,
    pub size_bytes: u64,
}

enum Fetch {
    Going(BTreeSet<String>),
    Failed(ImageError),
}

pub struct ImageCache {
    folder: PathBuf,
    store: Service,
    grants: Arc<Grants>,
    limit_bytes: u64,
    queue: Queue,
    fetches: Mutex<BTreeMap<String, Fetch>>,
    /// Verified since this process started, with the modification time they had then.
    verified: Mutex<BTreeMap<String, (i64, i64)>>,
}

impl ImageCache {
    pub fn open(folder: &Path, line: &Line, limit_bytes: u64, queue: Queue) -> Result<Arc<Self>, DurableError> {
        durable::private_folder(folder)?;
        space::remove_parts(folder);
        Ok(Arc::new(Self {
            folder: folder.to_owned(),
            store: line.images.clone(),
            grants: Arc::clone(&line.grants),
            limit_bytes,
            queue,
            fetches: Mutex::default(),
            verified: Mutex::default(),
        }))
    }

    /// The image, if it is here and sound; else it is fetched, once, however many ask. A failed fetch is told to the next who asks.
    pub async fn want(self: &Arc<Self>, id: &str, instance_id: &str) -> Result<Wanted, ImageError> {
        if !manifest::well_formed(id) {
            return Err(ImageError::Malformed(id.to_owned()));
        }
        {
            let mut fetches = self.fetches();
            match fetches.remove(id) {
                Some(Fetch::Going(mut waiting)) => {
                    waiting.insert(instance_id.to_owned());
                    fetches.insert(id.to_owned(), Fetch::Going(waiting));
                    return Ok(Wanted::Fetching);
                }
                Some(Fetch::Failed(error)) => return Err(error),
                None => {}
            }
        }
        let (this, manifest_id) = (Arc::clone(self), id.to_owned());
        let found = tokio::task::spawn_blocking(move || this.sound(&manifest_id)).await.map_err(io::Error::other)??;
        if let Some(image) = found {
            return Ok(Wanted::Ready(image));
        }
        self.begin(id, instance_id);
        Ok(Wanted::Fetching)
    }

    fn begin(self: &Arc<Self>, id: &str, instance_id: &str) {
        match self.fetches().entry(id.to_owned()).or_insert_with(|| Fetch::Going(BTreeSet::new())) {
            Fetch::Going(waiting) if waiting.is_empty() => drop(waiting.insert(instance_id.to_owned())),
            Fetch::Going(waiting) => {
                waiting.insert(instance_id.to_owned());
                return;
            }
            Fetch::Failed(_) => return,
        }
        let (this, id) = (Arc::clone(self), id.to_owned());
        tokio::spawn(async move {
            let outcome = fetch::fetch(&this.store, this.grants.of(&id), &this.folder, &id).await;
            this.fetched(&id, outcome);
        });
    }

    fn fetched(&self, id: &str, outcome: Result<(), ImageError>) {
        let mut fetches = self.fetches();
        let Some(Fetch::Going(waiting)) = fetches.remove(id) else { return };
        match outcome {
            Ok(()) => tracing::info!(manifest = id, "fetched an image"),
            Err(error) => {
                tracing::warn!(manifest = id, %error, cause = ?std::error::Error::source(&error), "an image can not be fetched");
                fetches.insert(id.to_owned(), Fetch::Failed(error));
            }
        }
        drop(fetches);
        space::make_room(&self.folder, self.limit_bytes, id);
        for instance_id in &waiting {
            self.queue.wake(instance_id);
        }
    }

    /// The image if it is whole. Every byte is read once per process, and again if the file was written since.
    fn sound(&self, id: &str) -> Result<Option<CachedImage>, ImageError> {
        let (path, named) = (self.folder.join(format!("{id}.raw")), self.folder.join(format!("{id}.manifest")));
        let Some(manifest) = read(&named)?.and_then(|bytes| Manifest::decode(id, &bytes)) else { return Ok(None) };
        let file = match fs::File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let metadata = file.metadata()?;
        let written = (metadata.mtime(), metadata.mtime_nsec());
        let known = self.verified.lock().unwrap_or_else(PoisonError::into_inner).get(id) == Some(&written);
        if metadata.len() != manifest.size_bytes || !(known || blocks_match(&file, &manifest)?) {
            tracing::error!(manifest = id, "a cached image is damaged; it is fetched again, and the host's disk deserves a look");
            fs::remove_file(&path)?;
            return Ok(None);
        }
        self.verified.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned(), written);
        space::asked_for(&named);
        Ok(Some(CachedImage { path, size_bytes: manifest.size_bytes }))
    }

    fn fetches(&self) -> MutexGuard<'_, BTreeMap<String, Fetch>> {
        self.fetches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether every block, listed or not, has the content the manifest says.
fn blocks_match(file: &fs::File, manifest: &Manifest) -> io::Result<bool> {
    let mut buffer = vec![0; usize::try_from(BLOCK_BYTES).unwrap_or_default()];
    let zeros = buffer.clone();
    for at in 0..manifest.size_bytes.div_ceil(BLOCK_BYTES) {
        let index = u32::try_from(at).map_err(io::Error::other)?;
        let block = &mut buffer[..usize::try_from(manifest.block_len(index)).unwrap_or_default()];
        file.read_exact_at(block, at * BLOCK_BYTES)?;
        let matches = match manifest.hash(index) {
            Some(hash) => blake3::hash(block).as_bytes() == hash,
            None => *block == zeros[..block.len()],
        };
        if !matches {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests;
