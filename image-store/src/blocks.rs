//! Blocks as files, named by the BLAKE3 of their bytes, 256 folders of them.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::durable::{self, Step};
use crate::error::{Damage, Error};
use crate::manifest::BlockHash;
use crate::sweep::Census;

#[derive(Debug)]
pub struct Blocks {
    folder: PathBuf,
    incoming: PathBuf,
    reserve_bytes: u64,
}

impl Blocks {
    pub fn open(folder: PathBuf, incoming: PathBuf, reserve_bytes: u64) -> io::Result<Self> {
        for shard in 0..=u8::MAX {
            fs::create_dir_all(folder.join(format!("{shard:02x}")))?;
        }
        durable::sync_folder(&folder)?;
        Ok(Self { folder, incoming, reserve_bytes })
    }

    /// Stores `bytes`, whose hash is `hash`; true where it was not there yet. What is there and damaged is replaced. Its content is on the
    /// disk when this returns, its name after [`Blocks::sync`].
    pub fn put(&self, hash: BlockHash, bytes: &[u8], at: &dyn Fn(Step)) -> Result<bool, Error> {
        if self.get(hash, bytes.len()).is_ok() {
            return Ok(false);
        }
        let context = || format!("writing block {hash}");
        self.keep_reserve(bytes.len()).map_err(|source| Error::io(context(), source))?;
        durable::write(&self.incoming, &self.path(hash), bytes, || at(Step::BlockWritten))
            .map_err(|source| Error::io(context(), source))?;
        at(Step::BlockNamed);
        Ok(true)
    }

    /// The block's bytes, once they hash to its name again. `len` is what the manifest's disk leaves for it.
    pub fn get(&self, hash: BlockHash, len: usize) -> Result<Vec<u8>, Error> {
        let bytes = match fs::read(self.path(hash)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Error::Damaged(Damage::BlockMissing(hash))),
            Err(error) => return Err(Error::io(format!("reading block {hash}"), error)),
        };
        if bytes.len() != len || BlockHash::of(&bytes) != hash { Err(Error::Damaged(Damage::Block(hash))) } else { Ok(bytes) }
    }

    /// Makes the names of all these blocks durable, whoever wrote them.
    pub fn sync<'a>(&self, hashes: impl Iterator<Item = &'a BlockHash>) -> Result<(), Error> {
        let shards: std::collections::BTreeSet<u8> = hashes.map(|hash| hash.as_bytes()[0]).collect();
        for shard in shards {
            let folder = self.folder.join(format!("{shard:02x}"));
            durable::sync_folder(&folder).map_err(|source| Error::io(format!("syncing {}", folder.display()), source))?;
        }
        Ok(())
    }

    /// Counts one folder, and removes from it what is not among `named` and was written before `older_than`.
    pub fn sweep(&self, shard: u8, named: &HashSet<BlockHash>, older_than: SystemTime) -> Result<Census, Error> {
        let folder = self.folder.join(format!("{shard:02x}"));
        let context = |source| Error::io(format!("sweeping {}", folder.display()), source);
        let mut census = Census::default();
        for entry in fs::read_dir(&folder).map_err(context)? {
            let entry = entry.map_err(context)?;
            let Some(hash) = entry.file_name().to_str().and_then(BlockHash::parse) else {
                tracing::warn!(path = %entry.path().display(), "a file among the blocks that is none");
                continue;
            };
            let metadata = entry.metadata().map_err(context)?;
            let is_named = named.contains(&hash);
            if !is_named && metadata.modified().map_err(context)? < older_than {
                fs::remove_file(entry.path()).map_err(context)?;
                census.removed_blocks += 1;
                continue;
            }
            census.blocks += 1;
            census.bytes += metadata.len();
            census.unreferenced_blocks += u64::from(!is_named);
            census.unreferenced_bytes += if is_named { 0 } else { metadata.len() };
        }
        Ok(census)
    }

    pub fn free_bytes(&self) -> io::Result<u64> {
        free_bytes(&self.incoming)
    }

    fn keep_reserve(&self, len: usize) -> io::Result<()> {
        let free = self.free_bytes()?;
        if free < self.reserve_bytes.saturating_add(len as u64) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    pub(crate) fn path(&self, hash: BlockHash) -> PathBuf {
        self.folder.join(format!("{:02x}", hash.as_bytes()[0])).join(hash.to_string())
    }
}

fn free_bytes(folder: &Path) -> io::Result<u64> {
    let figures = nix::sys::statvfs::statvfs(folder)?;
    Ok(figures.blocks_available().saturating_mul(figures.fragment_size()))
}
