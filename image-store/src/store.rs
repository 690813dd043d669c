//! The store itself: uploads that become manifests, and what is read back. Blocking; [`crate::service`] keeps it off the runtime's threads.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use freehold_link::metrics::Part;
use freehold_link::shares::Shares;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::blocks::Blocks;
use crate::config::Config;
use crate::durable::{self, Step};
use crate::error::{Damage, Error};
use crate::manifest::{BLOCK_BYTES, BlockHash, MAX_BLOCKS, Manifest, ManifestId, block_count, block_len, is_disk_size};
use crate::metrics::Metrics;

/// Transfers at once, whatever the configuration says: each may have 4 MiB of blocks in memory.
const MOST_TRANSFERS: usize = 1024;

/// Cheap to clone; all clones are one store.
#[derive(Clone)]
pub struct ImageStore {
    inner: Arc<Inner>,
}

struct Inner {
    blocks: Blocks,
    manifests: PathBuf,
    incoming: PathBuf,
    max_disk_bytes: u64,
    uploads: Arc<Semaphore>,
    /// As many as `uploads` has in all.
    upload_turns: u32,
    downloads: Arc<Semaphore>,
    /// Of these, each host's share.
    downloads_each: Shares<String>,
    metrics: Metrics,
    at: Box<dyn Fn(Step) + Send + Sync>,
}

/// One disk on its way in. Nothing of it is visible before [`Upload::commit`] returns; dropped, it leaves unreferenced blocks only.
pub struct Upload {
    store: ImageStore,
    size_bytes: u64,
    arrived: Mutex<Arrived>,
}

#[derive(Default)]
struct Arrived {
    blocks: BTreeMap<u32, BlockHash>,
    new_blocks: u64,
}

/// What a commit made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    pub manifest: ManifestId,
    pub size_bytes: u64,
    pub blocks: u64,
    pub new_blocks: u64,
}

impl ImageStore {
    /// Opens the store in its folder, making it where there is none.
    pub fn open(config: &Config) -> Result<Self, Error> {
        Self::open_with(config, Box::new(|_| {}))
    }

    fn open_with(config: &Config, at: Box<dyn Fn(Step) + Send + Sync>) -> Result<Self, Error> {
        let inner = open_folder(config, at).map_err(|source| Error::io(format!("opening {}", config.folder.display()), source))?;
        Ok(Self { inner: Arc::new(inner) })
    }

    pub fn upload(&self, size_bytes: u64) -> Result<Upload, Error> {
        if !is_disk_size(size_bytes) {
            return Err(Error::Invalid(format!("{size_bytes} bytes is no disk's size: it must be a positive multiple of 512")));
        }
        if size_bytes > self.inner.max_disk_bytes {
            return Err(Error::Invalid(format!(
                "the disk's {size_bytes} bytes are more than the {} that image_store.max_disk_gib allows",
                self.inner.max_disk_bytes
            )));
        }
        Ok(Upload { store: self.clone(), size_bytes, arrived: Mutex::default() })
    }

    pub fn manifest(&self, id: ManifestId) -> Result<Manifest, Error> {
        let bytes = match fs::read(self.manifest_path(id)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Error::NoManifest(id)),
            Err(error) => return Err(Error::io(format!("reading manifest {id}"), error)),
        };
        let manifest = if ManifestId::of(&bytes) == id { Manifest::decode(&bytes) } else { None };
        manifest.ok_or(Error::Damaged(Damage::Manifest(id)))
    }

    /// One listed block of a manifest, verified.
    pub fn block(&self, manifest: &Manifest, index: u32) -> Result<Vec<u8>, Error> {
        let hash = manifest
            .block(index)
            .ok_or_else(|| Error::Invalid(format!("block {index} is not listed in the manifest: it is all zeros or beyond the end")))?;
        let read = self.inner.blocks.get(hash, block_len(manifest.size_bytes(), index));
        read.inspect_err(|error| self.inner.metrics.failed(error))
    }

    /// What is counted here, to be shown at the metrics' door.
    pub fn metrics_part(&self) -> Part {
        self.inner.metrics.part(self)
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }

    pub(crate) fn blocks(&self) -> &Blocks {
        &self.inner.blocks
    }

    pub(crate) fn free_bytes(&self) -> io::Result<u64> {
        self.inner.blocks.free_bytes()
    }

    /// Every upload's turn, so that none is under way for as long as this is held; None while one is. Nobody waits for it: whoever uploads
    /// goes first.
    pub(crate) fn alone(&self) -> Option<OwnedSemaphorePermit> {
        self.uploads().try_acquire_many_owned(self.inner.upload_turns).ok()
    }

    pub fn manifests(&self) -> Result<Vec<ManifestId>, Error> {
        let context = |source| Error::io("listing the manifests", source);
        let mut ids = Vec::new();
        for entry in fs::read_dir(&self.inner.manifests).map_err(context)? {
            let name = entry.map_err(context)?.file_name();
            if let Some(id) = name.to_str().and_then(ManifestId::parse) {
                ids.push(id);
            } else {
                tracing::warn!(?name, "a file among the manifests that is none");
            }
        }
        ids.sort_unstable();
        Ok(ids)
    }

    /// Forgets a manifest. Its blocks stay, unreferenced unless another manifest lists them.
    pub fn delete_manifest(&self, id: ManifestId) -> Result<(), Error> {
        match fs::remove_file(self.manifest_path(id)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Error::NoManifest(id)),
            Err(error) => return Err(Error::io(format!("deleting manifest {id}"), error)),
        }
        durable::sync_folder(&self.inner.manifests).map_err(|source| Error::io("syncing the manifests", source))
    }

    pub(crate) fn uploads(&self) -> Arc<Semaphore> {
        Arc::clone(&self.inner.uploads)
    }

    pub(crate) fn downloads(&self) -> Arc<Semaphore> {
        Arc::clone(&self.inner.downloads)
    }

    /// What `host` may have of the downloads.
    pub(crate) fn downloads_of(&self, host: String) -> Arc<Semaphore> {
        self.inner.downloads_each.of(host)
    }

    fn manifest_path(&self, id: ManifestId) -> PathBuf {
        self.inner.manifests.join(id.to_string())
    }
}

fn open_folder(config: &Config, at: Box<dyn Fn(Step) + Send + Sync>) -> io::Result<Inner> {
    let incoming = config.folder.join("incoming");
    let manifests = config.folder.join("manifests");
    // What a dead process was writing. Nothing refers to it.
    match fs::remove_dir_all(&incoming) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let is_new = !config.folder.exists();
    fs::create_dir_all(&incoming)?;
    fs::create_dir_all(&manifests)?;
    let blocks = Blocks::open(config.folder.join("blocks"), incoming.clone(), config.reserve_mib.saturating_mul(1 << 20))?;
    durable::sync_folder(&config.folder)?;
    if is_new {
        // The store's own name, and those above it that may have been made with it.
        config.folder.ancestors().skip(1).filter(|folder| folder.is_dir()).try_for_each(durable::sync_folder)?;
    }
    let upload_turns = u32::try_from(config.concurrent_uploads.clamp(1, MOST_TRANSFERS)).unwrap_or(1);
    Ok(Inner {
        blocks,
        manifests,
        incoming,
        max_disk_bytes: config.max_disk_gib.saturating_mul(1 << 30),
        uploads: Arc::new(Semaphore::new(config.concurrent_uploads.clamp(1, MOST_TRANSFERS))),
        upload_turns,
        downloads: Arc::new(Semaphore::new(config.concurrent_downloads.clamp(1, MOST_TRANSFERS))),
        downloads_each: Shares::new(config.concurrent_downloads_per_host.clamp(1, MOST_TRANSFERS)),
        metrics: Metrics::default(),
        at,
    })
}

impl Upload {
    /// How many blocks the disk has.
    pub fn block_count(&self) -> u64 {
        block_count(self.size_bytes)
    }

    /// Takes one block, durably but for its name. In any order, from several threads; the same index twice is refused.
    pub fn put(&self, index: u32, bytes: &[u8]) -> Result<(), Error> {
        let len = block_len(self.size_bytes, index);
        if len == 0 || bytes.len() != len {
            return Err(Error::Invalid(format!(
                "block {index} has {} bytes where a disk of {} bytes has {len}",
                bytes.len(),
                self.size_bytes
            )));
        }
        let inner = &self.store.inner;
        if is_zero(bytes) {
            inner.metrics.received("zero", len);
            return Ok(());
        }
        let hash = BlockHash::of(bytes);
        self.expect(index, hash)?;
        let new = inner.blocks.put(hash, bytes, &inner.at).inspect_err(|error| {
            inner.metrics.failed(error);
            self.arrived().blocks.remove(&index);
        })?;
        inner.metrics.received(if new { "new" } else { "known" }, len);
        self.arrived().new_blocks += u64::from(new);
        Ok(())
    }

    /// Refuses what no manifest could list before it takes room on the disk.
    fn expect(&self, index: u32, hash: BlockHash) -> Result<(), Error> {
        let mut arrived = self.arrived();
        if arrived.blocks.len() >= MAX_BLOCKS {
            return Err(Error::Invalid(format!("the disk holds more than {MAX_BLOCKS} blocks of {BLOCK_BYTES} bytes that are not zero")));
        }
        if arrived.blocks.insert(index, hash).is_some() {
            return Err(Error::Invalid(format!("block {index} was sent twice")));
        }
        Ok(())
    }

    fn arrived(&self) -> MutexGuard<'_, Arrived> {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the manifest. When this returns it is durable and so is every block it lists.
    pub fn commit(self) -> Result<Committed, Error> {
        let arrived = self.arrived.into_inner().unwrap_or_else(PoisonError::into_inner);
        let inner = &self.store.inner;
        let count = arrived.blocks.len() as u64;
        inner.blocks.sync(arrived.blocks.values())?;
        (inner.at)(Step::FolderSynced);
        let manifest = Manifest::new(self.size_bytes, arrived.blocks.into_iter().collect())
            .ok_or_else(|| Error::Invalid("the blocks make no disk".to_owned()))?;
        let bytes = manifest.encode();
        let id = ManifestId::of(&bytes);
        let context = |source| Error::io(format!("writing manifest {id}"), source);
        durable::write(&inner.incoming, &self.store.manifest_path(id), &bytes, || (inner.at)(Step::ManifestWritten)).map_err(context)?;
        (inner.at)(Step::ManifestNamed);
        durable::sync_folder(&inner.manifests).map_err(context)?;
        (inner.at)(Step::Committed);
        Ok(Committed { manifest: id, size_bytes: self.size_bytes, blocks: count, new_blocks: arrived.new_blocks })
    }
}

fn is_zero(bytes: &[u8]) -> bool {
    let (chunks, rest) = bytes.as_chunks::<64>();
    chunks.iter().all(|chunk| *chunk == [0; 64]) && rest.iter().all(|byte| *byte == 0)
}

#[cfg(test)]
mod tests;
