//! Disks on this host: a folder per volume.
//!
//! ```text
//! VOLUME-ID/record       its format and size
//! VOLUME-ID/disk.qcow2   what the guest wrote
//! VOLUME-ID/base         the image it stands on: a hard link into the image cache, which keeps the content
//! ```
//!
//! Invariants: a volume gets its name when all of it is on the disk; one that was made before and is missing or unsound is a fault, and is
//! left as it is.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use freehold_proto::internal::host::VolumeAttachment;
use serde::{Deserialize, Serialize};

use super::blank::Blanks;
use crate::durable;
use crate::hypervisor::{DriverError, FaultCode};
use crate::image_cache::CachedImage;

const RECORD: &str = "record";
const DISK: &str = "disk.qcow2";
pub(super) const BASE: &str = "base";

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct VolumeRecord {
    size_bytes: u64,
    /// "" for a volume that started blank.
    manifest: String,
}

pub(super) struct Volumes {
    folder: PathBuf,
    blanks: Blanks,
}

impl Volumes {
    /// What a crash left half made has no name yet and goes.
    pub(super) fn open(folder: &Path, qemu_img: &Path) -> Result<Self, DriverError> {
        durable::private_folder(folder)?;
        let clean = || -> io::Result<()> {
            for entry in fs::read_dir(folder)? {
                let path = entry?.path();
                if path.extension().is_some() {
                    fs::remove_dir_all(path)?;
                }
            }
            Ok(())
        };
        clean().map_err(host("the volumes' folder can not be read"))?;
        Ok(Self { folder: folder.to_owned(), blanks: Blanks::new(qemu_img) })
    }

    pub(super) fn exists(&self, volume_id: &str) -> bool {
        self.folder.join(volume_id).exists()
    }

    /// Whether an existing volume can be used as it is.
    pub(super) fn check(&self, volume: &VolumeAttachment) -> Result<(), DriverError> {
        let folder = self.folder.join(&volume.volume_id);
        let id = &volume.volume_id;
        let missing = |what: &str| DriverError::new(FaultCode::DiskMissing, format!("{what} of {id} was made before and is gone"));
        let record = match durable::read_record::<VolumeRecord>(&folder.join(RECORD)) {
            Ok(Some(record)) => record,
            Ok(None) => return Err(missing("the disk")),
            Err(error) => return Err(DriverError::because(FaultCode::DiskDamaged, format!("the record of {id} is damaged"), error)),
        };
        if !record.manifest.is_empty() && !folder.join(BASE).exists() {
            return Err(missing("the image"));
        }
        let disk = match File::open(folder.join(DISK)) {
            Ok(disk) => disk,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(missing("the disk")),
            Err(error) => return Err(host("a disk can not be opened")(error)),
        };
        match unsound(&disk, record.size_bytes) {
            Ok(None) => Ok(()),
            Ok(Some(reason)) => Err(DriverError::new(FaultCode::DiskDamaged, format!("the disk of {id} is damaged: {reason}"))),
            Err(error) => Err(host("a disk can not be read")(error)),
        }
    }

    /// Makes a volume, on an image or blank.
    pub(super) async fn make(&self, volume: &VolumeAttachment, image: Option<&CachedImage>) -> Result<(), DriverError> {
        let size_bytes = (volume.size_mib << 20).max(image.map_or(0, |image| image.size_bytes));
        let aside = self.folder.join(format!("{}.new", volume.volume_id));
        let failed = || host("a volume can not be made");
        match fs::remove_dir_all(&aside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed()(error)),
            _ => {}
        }
        durable::private_folder(&aside)?;
        if let Some(image) = image {
            fs::hard_link(&image.path, aside.join(BASE)).map_err(failed())?;
        }
        self.blanks.create(&aside.join(DISK), (size_bytes, image.is_some())).await?;
        let record = VolumeRecord { size_bytes, manifest: volume.manifest.clone() };
        let path = self.folder.join(&volume.volume_id);
        let publishing = tokio::task::spawn_blocking(move || publish(&aside, &path, &record));
        publishing.await.map_err(io::Error::other).map_err(failed())?
    }

    /// Shows the volume in a guest's folder and gives the disk to its user. Answers whether it stands on an image.
    pub(super) fn show(&self, volume_id: &str, disk: &Path, base: &Path, user: Option<u32>) -> io::Result<bool> {
        let folder = self.folder.join(volume_id);
        std::os::unix::fs::chown(folder.join(DISK), user, user)?;
        relink(&folder.join(DISK), disk)?;
        let based = folder.join(BASE).exists();
        if based {
            relink(&folder.join(BASE), base)?;
        }
        Ok(based)
    }

    pub(super) fn remove(&self, volume_id: &str) -> io::Result<()> {
        match fs::remove_dir_all(self.folder.join(volume_id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => File::open(&self.folder)?.sync_all(),
        }
    }
}

/// All of it is on the disk before it gets its name, and the name before it is used.
fn publish(aside: &Path, path: &Path, record: &VolumeRecord) -> Result<(), DriverError> {
    durable::replace_record_unsynced(&aside.join(RECORD), record)?;
    let sync = |path: PathBuf| File::open(path).and_then(|file| file.sync_all());
    let published = || -> io::Result<()> {
        std::thread::scope(|scope| {
            // Each waits for the disk; together they wait once.
            let synced = [aside.join(DISK), aside.join(RECORD), aside.to_owned()].map(|path| scope.spawn(move || sync(path)));
            synced.into_iter().try_for_each(|one| one.join().unwrap_or_else(|_| Err(io::Error::other("a sync was cut off"))))
        })?;
        fs::rename(aside, path)?;
        path.parent().map_or(Ok(()), |folder| sync(folder.to_owned()))
    };
    published().map_err(host("a volume can not be made"))
}

fn host(message: &'static str) -> impl Fn(io::Error) -> DriverError {
    move |source| DriverError::because(FaultCode::Host, message, source)
}

fn relink(from: &Path, to: &Path) -> io::Result<()> {
    match fs::remove_file(to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::hard_link(from, to)
}

/// What is wrong with a qcow2 file, told from its header alone: no tool runs on what a guest's process could have written.
fn unsound(disk: &File, size_bytes: u64) -> io::Result<Option<&'static str>> {
    let length = disk.metadata()?.size();
    let mut header = [0_u8; 80];
    if length < header.len() as u64 {
        return Ok(Some("it is cut off"));
    }
    disk.read_exact_at(&mut header, 0)?;
    let u32_at = |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let u64_at = |at: usize| u64::from(u32_at(at)) << 32 | u64::from(u32_at(at + 4));
    let (l1_offset, l1_entries, refcounts_offset) = (u64_at(40), u64::from(u32_at(36)), u64_at(48));
    let incompatible = if u32_at(4) >= 3 { u64_at(72) } else { 0 };
    Ok(if header[..4] != *b"QFI\xfb" {
        Some("it is no qcow2 file")
    } else if u64_at(24) != size_bytes {
        Some("its size is not the volume's")
    } else if incompatible & 2 != 0 {
        Some("QEMU marked it as corrupt")
    } else if incompatible & 4 != 0 {
        Some("it names an external data file")
    } else if l1_offset.saturating_add(l1_entries * 8) > length || refcounts_offset >= length {
        Some("its tables are cut off")
    } else {
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volume() -> VolumeAttachment {
        VolumeAttachment { volume_id: "vol-0123456789abcdef0".to_owned(), size_mib: 16, root: true, ..VolumeAttachment::default() }
    }

    /// `None`, loudly, where QEMU's tools are not installed.
    fn volumes(folder: &Path) -> Option<Volumes> {
        let qemu_img = Path::new("/usr/bin/qemu-img");
        if !qemu_img.exists() {
            println!("NOT RUN: qemu-img is not installed");
            return None;
        }
        Some(Volumes::open(folder, qemu_img).unwrap())
    }

    #[tokio::test]
    async fn a_volume_stands_on_its_image_and_is_at_least_as_large() {
        let folder = tempfile::tempdir().unwrap();
        let Some(volumes) = volumes(&folder.path().join("volumes")) else { return };
        let image = CachedImage { path: folder.path().join("image.raw"), size_bytes: 32 << 20 };
        File::create(&image.path).unwrap().set_len(image.size_bytes).unwrap();
        volumes.make(&volume(), Some(&image)).await.unwrap();
        volumes.check(&volume()).unwrap();
        assert_eq!(fs::metadata(&image.path).unwrap().nlink(), 2, "in use");
        let (disk, base) = (folder.path().join("disk"), folder.path().join("base"));
        assert!(volumes.show(&volume().volume_id, &disk, &base, None).unwrap() && disk.exists() && base.exists());
        fs::remove_file(base).unwrap();
        volumes.remove(&volume().volume_id).unwrap();
        assert_eq!(fs::metadata(&image.path).unwrap().nlink(), 1);
    }

    #[tokio::test]
    async fn a_missing_or_damaged_part_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let Some(volumes) = volumes(folder.path()) else { return };
        volumes.make(&volume(), None).await.unwrap();
        let disk = folder.path().join(volume().volume_id).join(DISK);
        let whole = fs::read(&disk).unwrap();
        let code = || volumes.check(&volume()).map_err(|error| error.code);
        assert_eq!(code(), Ok(()));
        for damage in [&whole[..40], &whole[..whole.len() / 2], &[0; 4096][..]] {
            fs::write(&disk, damage).unwrap();
            assert_eq!(code(), Err(FaultCode::DiskDamaged), "{} bytes", damage.len());
        }
        let mut marked = whole.clone();
        marked[79] |= 2;
        fs::write(&disk, marked).unwrap();
        assert_eq!(code(), Err(FaultCode::DiskDamaged), "marked as corrupt");
        fs::remove_file(&disk).unwrap();
        assert_eq!(code(), Err(FaultCode::DiskMissing));
        fs::remove_dir_all(disk.parent().unwrap()).unwrap();
        assert_eq!(code(), Err(FaultCode::DiskMissing));
    }

    #[tokio::test]
    async fn a_volume_that_was_being_made_when_the_agent_died_was_never_there() {
        let folder = tempfile::tempdir().unwrap();
        let Some(volumes) = volumes(folder.path()) else { return };
        fs::create_dir(folder.path().join("vol-0123456789abcdef0.new")).unwrap();
        fs::write(folder.path().join("vol-0123456789abcdef0.new").join(DISK), "half").unwrap();
        assert!(!volumes.exists(&volume().volume_id));
        volumes.make(&volume(), None).await.unwrap();
        volumes.check(&volume()).unwrap();
    }
}
