//! GRUB on a disk without `grub-install`: no loop device, no mount, no root.
//!
//! The boot sector loads the first sector of the core image, which loads the rest by a list of blocks. Both addresses are patched into
//! GRUB's own files, at the places that GRUB's sources name (`grub-core/boot/i386/pc/boot.S`, `diskboot.S`).

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Error, gpt, tool};

/// All that the core image needs to find and read `grub.cfg`, a kernel and an initramfs on partition 1: nothing is loaded later.
const MODULES: &[&str] = &[
    "biosdisk",
    "part_gpt",
    "ext2",
    "normal",
    "linux",
    "serial",
    "terminal",
    "configfile",
    "search",
    "search_label",
    "search_fs_uuid",
    "echo",
    "test",
    "minicmd",
    "sleep",
    "all_video",
    "gzio",
    "boot",
    "loadenv",
    "reboot",
    "halt",
];

const PREFIX: &str = "(,gpt1)/boot/grub";

/// `GRUB_BOOT_MACHINE_KERNEL_SECTOR`: where the boot sector keeps the core image's address.
const KERNEL_SECTOR: usize = 0x5c;
/// `GRUB_BOOT_MACHINE_DRIVE_CHECK`: a jump that `grub-install` replaces by two no-ops on hard disks.
const DRIVE_CHECK: usize = 0x66;
/// The first block list of `diskboot.S`: where the core image's second sector is.
const BLOCK_LIST: usize = 0x1f4;
/// What of the boot sector is GRUB's: behind it stand the disk's signature and its partitions.
const BOOT_CODE: usize = 440;
const SECTOR: u64 = 512;

/// Where Debian keeps GRUB for PC firmware.
pub const PC_MODULES: &str = "/usr/lib/grub/i386-pc";

/// Builds a core image from the modules in `folder` with the host's `grub-mkimage`.
pub async fn make_core(folder: &Path, core: &Path) -> Result<(), Error> {
    if !folder.join("boot.img").is_file() {
        return Err(Error::Unexpected(format!("{} has no GRUB for PC firmware: apt-get install grub-pc-bin", folder.display())));
    }
    let run = tool::GRUB_MKIMAGE.run(Duration::from_mins(2))?;
    run.args(["-O", "i386-pc", "-p", PREFIX, "-d"]).arg(folder).arg("-o").arg(core).args(MODULES).done().await
}

/// Builds a core image in `root`, with the GRUB that is installed there.
pub async fn make_core_inside(root: &Path) -> Result<PathBuf, Error> {
    const CORE: &str = "boot/grub/core.img";
    let run = tool::CHROOT.run(Duration::from_mins(2))?.arg(root).args(["grub-mkimage", "-O", "i386-pc", "-p", PREFIX, "-d", PC_MODULES]);
    run.args(["-o", &format!("/{CORE}")]).args(MODULES).done().await?;
    Ok(root.join(CORE))
}

/// Writes boot sector and core image to a disk that has its partitions.
pub fn install(disk: &File, boot: &[u8], core: &[u8]) -> Result<(), Error> {
    let mut boot = boot.to_vec();
    let mut core = core.to_vec();
    if boot.len() != 512 || core.len() < 512 || core.len() as u64 > gpt::BIOS_BOOT_BYTES {
        return Err(Error::Unexpected(format!("GRUB's boot sector has {} bytes and its core image {}", boot.len(), core.len())));
    }
    let sector = gpt::BIOS_BOOT_OFFSET / SECTOR;
    boot[KERNEL_SECTOR..KERNEL_SECTOR + 8].copy_from_slice(&sector.to_le_bytes());
    boot[DRIVE_CHECK..DRIVE_CHECK + 2].copy_from_slice(&[0x90, 0x90]);
    core[BLOCK_LIST..BLOCK_LIST + 8].copy_from_slice(&(sector + 1).to_le_bytes());
    let write = |bytes: &[u8], offset| disk.write_all_at(bytes, offset).map_err(Error::io("writing GRUB to the disk"));
    write(&boot[..BOOT_CODE], 0)?;
    write(&core, gpt::BIOS_BOOT_OFFSET)
}
