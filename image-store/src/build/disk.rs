//! Puts a disk together: partitions, an ext4 root made from a folder, GRUB.

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use super::gpt::{self, Guid};
use super::{Error, MIB, Plan, grub, tool};

/// Newer than what GRUB 2.06 and Xen's `pygrub` read; nothing is lost without them.
const NO_FEATURES: &str = "^metadata_csum_seed,^orphan_file";

/// The label that `root=LABEL=root` finds.
pub const ROOT_LABEL: &str = "root";

/// What goes on the disk.
pub struct Content<'a> {
    /// Names the identities of the file system and the partitions.
    pub name: &'a str,
    pub root: &'a Path,
    pub grub_modules: &'a Path,
    pub core: &'a Path,
}

pub async fn assemble(plan: &Plan<'_>, content: &Content<'_>) -> Result<(), Error> {
    if plan.size_bytes < 16 * MIB || !plan.size_bytes.is_multiple_of(MIB) {
        return Err(Error::Unexpected(format!("a disk of {} bytes: it must be whole MiB, and at least 16", plan.size_bytes)));
    }
    let writing = || Error::io(format!("writing {}", plan.disk.display()));
    let disk = File::create(&plan.disk).map_err(writing())?;
    disk.set_len(plan.size_bytes).map_err(writing())?;
    make_root(plan, content).await?;
    gpt::write(&disk, plan.size_bytes, content.name).map_err(writing())?;
    let boot = content.grub_modules.join("boot.img");
    let read = |path: &Path| fs::read(path).map_err(Error::io(format!("reading {}", path.display())));
    grub::install(&disk, &read(&boot)?, &read(content.core)?)
}

/// The file system is written straight into its partition; what is not data stays a hole.
async fn make_root(plan: &Plan<'_>, content: &Content<'_>) -> Result<(), Error> {
    let identity = Guid::of(&format!("{} root file system", content.name)).to_string();
    let extended = format!("offset={},root_owner=0:0,hash_seed={identity},lazy_itable_init=0,lazy_journal_init=0", gpt::ROOT_OFFSET);
    let size = format!("{}k", gpt::root_bytes(plan.size_bytes) / 1024);
    let make = as_root(&tool::MKE2FS)?.args(["-q", "-F", "-t", "ext4", "-m", "1", "-L", ROOT_LABEL, "-O", NO_FEATURES, "-U"]);
    make.arg(&identity).args(["-E", &extended, "-d"]).arg(content.root).arg(&plan.disk).arg(size).done().await
}

/// `mke2fs -d` takes owners over from the folder. To an ordinary user a user namespace shows their own files as root's.
fn as_root(tool: &'static tool::Tool) -> Result<tool::Run, Error> {
    let limit = Duration::from_mins(10);
    if nix::unistd::Uid::effective().is_root() {
        return tool.run(limit);
    }
    Ok(tool::UNSHARE.run(limit)?.args(["--user", "--map-root-user", "--"]).arg(tool.find()?))
}
