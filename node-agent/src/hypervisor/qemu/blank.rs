//! Disks that nothing was written on yet, as `qemu-img create` makes them.
//!
//! Two of one size are the same file, byte for byte: what they stand on is always called `base`, beside them. So the tool runs once for
//! each size, and the rest is copied from memory, which saves a process in every launch.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::process::Command;

use super::host;
use super::volumes::BASE;
use crate::hypervisor::{DriverError, FaultCode};

const QEMU_IMG_TIMEOUT: Duration = Duration::from_mins(1);

/// Sizes that are remembered, some 200 KiB each, and the longest file that is.
const REMEMBERED: usize = 16;
const LONGEST: u64 = 1 << 20;
/// Zeros of this length are left out of the file.
const PAGE: usize = 4096;

/// Size in bytes, and whether it stands on an image.
type Kind = (u64, bool);

pub(super) struct Blanks {
    qemu_img: PathBuf,
    made: Mutex<BTreeMap<Kind, Arc<[u8]>>>,
}

impl Blanks {
    pub(super) fn new(qemu_img: &Path) -> Self {
        Self { qemu_img: qemu_img.to_owned(), made: Mutex::default() }
    }

    /// Makes the disk at `path`, not synced.
    pub(super) async fn create(&self, path: &Path, kind: Kind) -> Result<(), DriverError> {
        let known = self.made.lock().unwrap_or_else(PoisonError::into_inner).get(&kind).cloned();
        if let Some(content) = known {
            return write(path, &content).map_err(host("a disk can not be written"));
        }
        self.run(path, kind).await?;
        if fs::metadata(path).is_ok_and(|made| made.len() <= LONGEST) {
            let content: Arc<[u8]> = fs::read(path).map_err(host("a disk can not be read"))?.into();
            let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
            if made.len() >= REMEMBERED {
                made.pop_first();
            }
            made.insert(kind, content);
        }
        Ok(())
    }

    async fn run(&self, path: &Path, (size_bytes, based): Kind) -> Result<(), DriverError> {
        let mut command = Command::new(&self.qemu_img);
        command.args(["create", "-q", "-f", "qcow2"]).kill_on_drop(true);
        if let Some(folder) = path.parent() {
            command.current_dir(folder);
        }
        if based {
            command.args(["-F", "raw", "-b", BASE]);
        }
        command.arg(path).arg(size_bytes.to_string());
        let failed = host("qemu-img can not be run; install qemu-utils, or set agent.qemu.qemu_img");
        let output = match tokio::time::timeout(QEMU_IMG_TIMEOUT, command.output()).await {
            Ok(output) => output.map_err(failed)?,
            Err(_) => return Err(failed(io::ErrorKind::TimedOut.into())),
        };
        if output.status.success() {
            return Ok(());
        }
        let message = format!("qemu-img made no disk: {}", String::from_utf8_lossy(&output.stderr).trim());
        Err(DriverError::new(FaultCode::Host, message))
    }
}

/// Sparse, as the tool writes it.
fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let file = File::options().write(true).create_new(true).open(path)?;
    file.set_len(content.len() as u64)?;
    for (at, page) in content.chunks(PAGE).enumerate() {
        if page.iter().any(|byte| *byte != 0) {
            file.write_all_at(page, (at * PAGE) as u64)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[tokio::test]
    async fn a_copy_is_what_the_tool_makes_and_sizes_are_told_apart() {
        let tool = Path::new("/usr/bin/qemu-img");
        if !tool.exists() {
            println!("NOT RUN: qemu-img is not installed");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        File::create(at(BASE)).unwrap().set_len(8 << 20).unwrap();
        let blanks = Blanks::new(tool);
        for (name, kind) in [("based", (8 << 20, true)), ("bare", (8 << 20, false)), ("larger", (8 << 30, true))] {
            blanks.create(&at(name), kind).await.unwrap();
            let copy = at(&format!("{name}-again"));
            blanks.create(&copy, kind).await.unwrap();
            let fresh = at(&format!("{name}-fresh"));
            Blanks::new(tool).create(&fresh, kind).await.unwrap();
            assert_eq!(fs::read(&copy).unwrap(), fs::read(&fresh).unwrap(), "{name}");
            let (copied, made) = (fs::metadata(&copy).unwrap(), fs::metadata(&fresh).unwrap());
            assert!(copied.blocks() <= made.blocks(), "{name}: {} and {}", copied.blocks(), made.blocks());
        }
        assert_ne!(fs::read(at("based")).unwrap(), fs::read(at("bare")).unwrap());
        assert_ne!(fs::read(at("based")).unwrap(), fs::read(at("larger")).unwrap());
    }

    #[tokio::test]
    async fn few_sizes_are_remembered_and_a_tool_that_fails_is_told() {
        let blanks = Blanks::new(Path::new("/bin/false"));
        let folder = tempfile::tempdir().unwrap();
        let error = blanks.create(&folder.path().join("disk"), (1, false)).await.unwrap_err();
        assert!(error.message.starts_with("qemu-img made no disk"), "{error}");
        assert!(blanks.made.lock().unwrap().is_empty());
    }
}
