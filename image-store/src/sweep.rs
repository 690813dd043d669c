//! Finds the blocks that no manifest names (of uploads that were broken off, of manifests that were deleted), counts them, and removes
//! those that are older than [`GRACE`], so that an upload that is tried again finds what it has brought already.
//!
//! Mark and sweep, a folder of blocks at a time, each while no upload is under way: an upload counts on blocks that it found, and its
//! manifest does not name them yet. While one is under way, or while a manifest is damaged and can not say what it names, nothing is
//! removed. A crash at any moment leaves fewer blocks that nobody names, and nothing else.

use std::collections::HashSet;
use std::future::Future;
use std::time::{Duration, SystemTime};

use crate::error::Error;
use crate::manifest::{BlockHash, ManifestId};
use crate::store::ImageStore;

/// How old a block that no manifest names must be to be removed.
pub const GRACE: Duration = Duration::from_hours(24);

/// Between two sweeps.
const PERIOD: Duration = Duration::from_hours(6);

/// Before another try where an upload was under way.
const BUSY: Duration = Duration::from_mins(5);

/// What a sweep found. `removed_blocks` are not among the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    pub blocks: u64,
    pub bytes: u64,
    pub unreferenced_blocks: u64,
    pub unreferenced_bytes: u64,
    pub removed_blocks: u64,
}

impl Census {
    fn add(&mut self, other: Self) {
        self.blocks += other.blocks;
        self.bytes += other.bytes;
        self.unreferenced_blocks += other.unreferenced_blocks;
        self.unreferenced_bytes += other.unreferenced_bytes;
        self.removed_blocks += other.removed_blocks;
    }
}

/// What the manifests seen so far name.
#[derive(Default)]
struct Marks {
    seen: HashSet<ManifestId>,
    blocks: HashSet<BlockHash>,
}

impl Marks {
    /// Reads the manifests that have come since. One that is gone meanwhile named nothing that has to stay.
    fn update(&mut self, store: &ImageStore) -> Result<(), Error> {
        for id in store.manifests()? {
            if self.seen.contains(&id) {
                continue;
            }
            match store.manifest(id) {
                Ok(manifest) => self.blocks.extend(manifest.blocks().iter().map(|(_, hash)| *hash)),
                Err(Error::NoManifest(_)) => {}
                Err(error) => return Err(error),
            }
            self.seen.insert(id);
        }
        Ok(())
    }
}

impl ImageStore {
    /// Sweeps now and then until `shutdown` resolves.
    pub async fn keep_swept(self, shutdown: impl Future<Output = ()> + Send) {
        tokio::select! {
            () = self.sweep_for_ever() => {}
            () = shutdown => {}
        }
    }

    async fn sweep_for_ever(&self) {
        loop {
            let wait = match self.sweep(SystemTime::now()).await {
                Ok(Some(census)) => {
                    if census.removed_blocks > 0 {
                        tracing::info!(removed = census.removed_blocks, kept = census.blocks, "removed blocks that no manifest names");
                    }
                    PERIOD
                }
                Ok(None) => BUSY,
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "blocks that nobody needs can not be told from others and stay"
                    );
                    PERIOD
                }
            };
            tokio::time::sleep(wait).await;
        }
    }

    /// One sweep, as of `now`. None: an upload was under way, and some of the folders were not looked at.
    pub async fn sweep(&self, now: SystemTime) -> Result<Option<Census>, Error> {
        // A clock before 1970 makes nothing old.
        let older_than = now.checked_sub(GRACE).unwrap_or(SystemTime::UNIX_EPOCH);
        let (mut census, mut marks) = (Census::default(), Marks::default());
        for shard in 0..=u8::MAX {
            let Some(alone) = self.alone() else { return Ok(None) };
            let store = self.clone();
            let swept = tokio::task::spawn_blocking(move || {
                let _alone = alone;
                marks.update(&store)?;
                let found = store.blocks().sweep(shard, &marks.blocks, older_than)?;
                Ok::<_, Error>((found, marks))
            });
            let found;
            (found, marks) = swept.await.map_err(|error| Error::io("sweeping", std::io::Error::other(error)))??;
            census.add(found);
        }
        self.metrics().counted(&census);
        Ok(Some(census))
    }
}

#[cfg(test)]
mod tests;
