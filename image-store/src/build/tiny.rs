//! The tiny image: Debian's cloud kernel, busybox and dropbear. It boots in seconds without hardware virtualisation, and is for tests,
//! demonstrations and learning.
//!
//! It does what an EC2 guest does: DHCP with renewal, IMDSv2, the launch key for `ec2-user` and `root`, host name, user data (a script) once
//! per instance, a host key per instance, ACPI power-off, a serial console. `ec2-user` is root by another name, and `sudo` changes nothing. Lines on the console that start with `freehold-tiny:` say how far
//! it is; `freehold-tiny: ssh is up` is the one to wait for.
//!
//! The scripts in `tiny/` are the whole of its behaviour.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

use super::apt::{self, Apt};
use super::disk::{self, Content};
use super::modules::{Module, Modules};
use super::tool::Run;
use super::{Error, Plan, cpio, grub};

/// Sparse: about 30 MiB of it are written.
pub const DEFAULT_SIZE_BYTES: u64 = 1 << 30;

const KERNEL: &str = "linux-image-cloud-amd64";
const PROGRAMS: &[&str] = &["busybox-static", "dropbear-bin"];
/// Where a package may have a program (before and after Debian moved all to `/usr`), and its place in the image.
const PROGRAM_FILES: &[(&[&str], &str)] = &[
    (&["bin/busybox", "usr/bin/busybox"], "usr/bin/busybox"),
    (&["usr/sbin/dropbear"], "usr/bin/dropbear"),
    (&["usr/bin/dropbearkey"], "usr/bin/dropbearkey"),
];
/// Applets that busybox must not take the place of.
const OWN_COMMANDS: &[&str] = &["busybox", "init", "linuxrc", "sudo"];
const LIBRARIES: &str = "x86_64-linux-gnu";

/// What finds the root disk on QEMU (virtio, SCSI) and Xen. NVMe and ext4 are in the kernel itself.
const DISK_MODULES: &[&str] = &["virtio_pci", "virtio_blk", "virtio_scsi", "sd_mod", "xen-blkfront"];
const LATER_MODULES: &[&str] = &["virtio_net", "xen-netfront", "virtio_rng", "button", "evdev"];

const FOLDERS: &[&str] = &[
    "usr/bin",
    "usr/lib/boot-modules",
    "usr/lib64",
    "boot/grub",
    "dev",
    "etc/acpi/PWRF",
    "etc/dropbear",
    "home/ec2-user",
    "mnt",
    "proc",
    "root",
    "run",
    "sys",
    "tmp",
    "var/lib/cloud",
    "var/log",
    "var/run",
];

/// Path, mode, content.
const FILES: &[(&str, u32, &str)] = &[
    ("boot/grub/grub.cfg", 0o644, include_str!("tiny/grub.cfg")),
    ("etc/acpi/PWRF/00000080", 0o755, "#!/bin/sh\nexec busybox poweroff\n"),
    ("etc/boot", 0o755, include_str!("tiny/boot.sh")),
    ("etc/first-boot", 0o755, include_str!("tiny/first-boot.sh")),
    ("etc/group", 0o644, "root:x:0:\n"),
    ("etc/hosts", 0o644, "127.0.0.1 localhost\n"),
    ("etc/inittab", 0o644, include_str!("tiny/inittab")),
    ("etc/nsswitch.conf", 0o644, "passwd: files\ngroup: files\nhosts: files dns\n"),
    ("etc/passwd", 0o644, "root:*:0:0:root:/root:/bin/sh\nec2-user:*:0:0:EC2 user:/home/ec2-user:/bin/sh\n"),
    ("etc/profile", 0o644, "export PATH=/usr/bin\n"),
    ("etc/shadow", 0o600, "root:*:19000::::::\nec2-user:*:19000::::::\n"),
    ("etc/shells", 0o644, "/bin/sh\n"),
    ("usr/bin/sudo", 0o755, "#!/bin/sh\nexec \"$@\"\n"),
    ("etc/udhcpc.sh", 0o755, include_str!("tiny/udhcpc.sh")),
];

const LINKS: &[(&str, &str)] = &[
    ("bin", "usr/bin"),
    ("sbin", "usr/bin"),
    ("usr/sbin", "bin"),
    ("lib", "usr/lib"),
    ("lib64", "usr/lib64"),
    ("usr/bin/init", "busybox"),
    ("usr/lib64/ld-linux-x86-64.so.2", "../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"),
];

/// Builds the disk that `plan` describes.
pub async fn build(plan: &Plan<'_>) -> Result<(), Error> {
    let packages = plan.work.join("packages");
    fetch(plan, &packages).await?;
    (plan.report)("putting the root file system together");
    let root = plan.work.join("root");
    lay_out(&root)?;
    add_programs(&packages, &root).await?;
    add_kernel(&packages, &root).await?;
    (plan.report)("writing the disk");
    let core = plan.work.join("core.img");
    let grub_modules = Path::new(grub::PC_MODULES);
    grub::make_core(grub_modules, &core).await?;
    disk::assemble(plan, &Content { name: "freehold tiny", root: &root, grub_modules, core: &core }).await
}

/// The kernel comes without what it depends on: that makes an initramfs, and ours is made here.
async fn fetch(plan: &Plan<'_>, into: &Path) -> Result<(), Error> {
    let apt = Apt::open(plan.cache, plan.report).await?;
    let mut wanted = apt.with_dependencies(PROGRAMS).await?;
    wanted.push(apt.behind(KERNEL, "linux-image-").await?);
    (plan.report)(&format!("downloading what of {} packages is not in the cache yet", wanted.len()));
    let files = apt.download(&wanted).await?;
    (plan.report)("unpacking them");
    make_folder(into)?;
    for file in files {
        apt::unpack(&file, into).await?;
    }
    Ok(())
}

fn lay_out(root: &Path) -> Result<(), Error> {
    for folder in FOLDERS {
        make_folder(&root.join(folder))?;
    }
    for (path, mode, content) in FILES {
        write(&root.join(path), content.as_bytes(), *mode)?;
    }
    for (name, target) in LINKS {
        link(target, &root.join(name))?;
    }
    Ok(())
}

async fn add_programs(packages: &Path, root: &Path) -> Result<(), Error> {
    for (from, to) in PROGRAM_FILES {
        let source = from.iter().map(|path| packages.join(path)).find(|path| path.is_file());
        let source = source.ok_or_else(|| Error::Unexpected(format!("no package has {}", from.join(" or "))))?;
        write(&root.join(to), &read(&source)?, 0o755)?;
    }
    let libraries = root.join("usr/lib").join(LIBRARIES);
    make_folder(&libraries)?;
    for folder in ["lib", "usr/lib"] {
        copy_libraries(&packages.join(folder).join(LIBRARIES), &libraries)?;
    }
    let applets = Run::of("busybox", &root.join("usr/bin/busybox"), Duration::from_mins(1)).arg("--list").text().await?;
    for applet in applets.lines().filter(|applet| !OWN_COMMANDS.contains(applet)) {
        link("busybox", &root.join("usr/bin").join(applet))?;
    }
    Ok(())
}

/// All that the programs' packages depend on, which is little: the C library and what dropbear computes with.
fn copy_libraries(from: &Path, to: &Path) -> Result<(), Error> {
    let Ok(entries) = fs::read_dir(from) else { return Ok(()) };
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        // Links are followed, so that each name a program may ask for is a file.
        if name.to_string_lossy().contains(".so") && entry.path().is_file() {
            write(&to.join(name), &read(&entry.path())?, 0o755)?;
        }
    }
    Ok(())
}

async fn add_kernel(packages: &Path, root: &Path) -> Result<(), Error> {
    let modules = Modules::of(packages)?;
    write(&root.join("boot/vmlinuz"), &read(&packages.join("boot").join(format!("vmlinuz-{}", modules.version)))?, 0o644)?;
    let for_disk = modules.in_load_order(DISK_MODULES).await?;
    let later = modules.in_load_order(LATER_MODULES).await?;
    let later = later.iter().filter(|module| for_disk.iter().all(|first| first.name != module.name));
    for (place, module) in later.enumerate() {
        write(&root.join("usr/lib/boot-modules").join(numbered(place, module)), &module.bytes, 0o644)?;
    }
    write(&root.join("boot/initrd.gz"), &gzip(&initramfs(&for_disk, &read(&root.join("usr/bin/busybox"))?))?, 0o644)
}

fn initramfs(modules: &[Module], busybox: &[u8]) -> Vec<u8> {
    let mut archive = cpio::Archive::default();
    for folder in ["bin", "dev", "modules", "root"] {
        archive.folder(folder);
    }
    archive.file("init", include_bytes!("tiny/init.sh"));
    archive.file("bin/busybox", busybox);
    for (place, module) in modules.iter().enumerate() {
        archive.file(&format!("modules/{}", numbered(place, module)), &module.bytes);
    }
    archive.finish()
}

/// A shell's `*` then lists modules in the order to load them.
fn numbered(place: usize, module: &Module) -> String {
    format!("{place:02}-{}.ko", module.name)
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).map_err(Error::io("compressing the initramfs"))
}

fn make_folder(path: &Path) -> Result<(), Error> {
    fs::create_dir_all(path).map_err(Error::io(format!("making {}", path.display())))
}

fn link(target: &str, path: &Path) -> Result<(), Error> {
    symlink(target, path).map_err(Error::io(format!("linking {}", path.display())))
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(Error::io(format!("reading {}", path.display())))
}

fn write(path: &Path, content: &[u8], mode: u32) -> Result<(), Error> {
    let written = fs::write(path, content).and_then(|()| fs::set_permissions(path, Permissions::from_mode(mode)));
    written.map_err(Error::io(format!("writing {}", path.display())))
}
