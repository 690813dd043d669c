//! Files that are there whole, or not at all.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// The moments at which a power cut must do no harm. Tests stop the process at each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    BlockWritten,
    BlockNamed,
    FolderSynced,
    ManifestWritten,
    ManifestNamed,
    Committed,
}

#[cfg(test)]
impl Step {
    pub const ALL: [Self; 6] =
        [Self::BlockWritten, Self::BlockNamed, Self::FolderSynced, Self::ManifestWritten, Self::ManifestNamed, Self::Committed];
}

/// Writes `bytes` under `incoming` and makes them durable, then gives them their name. The name itself is durable after [`sync_folder`].
pub fn write(incoming: &Path, path: &Path, bytes: &[u8], written: impl FnOnce()) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(incoming)?;
    file.write_all(bytes)?;
    file.as_file().sync_data()?;
    written();
    file.persist(path)?;
    Ok(())
}

/// Makes the names in a folder durable.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
