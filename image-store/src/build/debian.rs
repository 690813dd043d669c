//! A Debian AMI: Debian's cloud kernel, cloud-init, OpenSSH, systemd-networkd, grown to its disk at the first boot.
//!
//! It is what `mmdebstrap` makes of Debian's own packages and the two scripts in `debian/`. It runs in mount and process namespaces of its
//! own, which end with it, so nothing it mounts or starts can outlive the build.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::apt::Apt;
use super::disk::{self, Content};
use super::{Error, Plan, grub, tool, write_script};

pub const DEFAULT_SIZE_BYTES: u64 = 2 << 30;

const BOOTSTRAP: Duration = Duration::from_mins(40);

const PACKAGES: &[&str] = &[
    "linux-image-cloud-amd64",
    "initramfs-tools",
    "grub-pc-bin",
    "grub2-common",
    "systemd-sysv",
    "systemd-resolved",
    "libnss-resolve",
    "libpam-systemd",
    "dbus",
    "udev",
    "kmod",
    "systemd-timesyncd",
    "cloud-init",
    "cloud-guest-utils",
    "fdisk",
    "e2fsprogs",
    "isc-dhcp-client",
    "openssh-server",
    "sudo",
    "ca-certificates",
    "curl",
    "iproute2",
    "iputils-ping",
    "netbase",
    "procps",
    "less",
    "nano",
];

/// Of packages, what is for reading only; copyright files stay.
const LEFT_OUT: &[&str] = &[
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/locale/*",
];

/// Builds the disk that `plan` describes, of the Debian release `suite` (`bookworm`, `trixie`).
pub async fn build(plan: &Plan<'_>, suite: &str) -> Result<(), Error> {
    if !nix::unistd::Uid::effective().is_root() {
        return Err(Error::Unexpected("building a Debian image needs root: packages' own scripts are run in it".into()));
    }
    let apt = Apt::open(plan.cache, plan.report).await?;
    let root = plan.work.join("root");
    (plan.report)("installing Debian's packages into the image; this takes some minutes");
    bootstrap(plan, &apt, suite, &root).await?;
    (plan.report)("writing the disk");
    let core = grub::make_core_inside(&root).await?;
    let grub_modules = root.join(grub::PC_MODULES.trim_start_matches('/'));
    disk::assemble(plan, &Content { name: &format!("debian {suite}"), root: &root, grub_modules: &grub_modules, core: &core }).await
}

/// The Debian release this host runs, if it is one.
pub fn host_suite() -> Option<String> {
    let release = fs::read_to_string("/etc/os-release").ok()?;
    let value = |key: &str| release.lines().find_map(|line| line.strip_prefix(key)).map(|value| value.trim_matches('"').to_owned());
    (value("ID=")? == "debian").then(|| value("VERSION_CODENAME=")).flatten()
}

async fn bootstrap(plan: &Plan<'_>, apt: &Apt, suite: &str, root: &Path) -> Result<(), Error> {
    let host =
        host_suite().ok_or_else(|| Error::Unexpected("this host's own apt must be Debian's, of which 12 and 13 are known".into()))?;
    let sources = apt.debian_sources(&host, suite).await?;
    let packages = plan.cache.join(format!("debian-{suite}"));
    fs::create_dir_all(&packages).map_err(Error::io(format!("making {}", packages.display())))?;
    let setup = write_script(plan.work, "setup.sh", include_str!("debian/setup.sh"))?;
    let customize = write_script(plan.work, "customize.sh", include_str!("debian/customize.sh"))?;
    let hook = |kind: &str, what: &str| format!("--{kind}-hook={what}");
    let run = tool::UNSHARE.run(BOOTSTRAP)?.args(["--mount", "--pid", "--fork", "--kill-child", "--"]).arg(tool::MMDEBSTRAP.find()?);
    let run = run.args(["--quiet", "--mode=root", "--variant=minbase", "--architectures=amd64", "--format=directory"]);
    run.arg(format!("--include={}", PACKAGES.join(",")))
        .args(apt.host_options().await?.iter().map(|option| format!("--aptopt={option}")))
        .args(LEFT_OUT.iter().map(|option| format!("--dpkgopt={option}")))
        .args(["--skip=download/empty", "--skip=essential/unlink"])
        .arg(hook("setup", &script(&setup)))
        .arg(hook("setup", &format!("sync-in {} /var/cache/apt/archives", quoted(&packages))))
        .arg(hook("customize", &format!("sync-out /var/cache/apt/archives {}", quoted(&packages))))
        .arg(hook("customize", &script(&customize)))
        .arg(suite)
        .arg(root)
        .arg("-")
        .input(sources.into_bytes())
        .done()
        .await
}

/// A hook that is a shell command, given the image's root.
fn script(path: &Path) -> String {
    format!("sh {} \"$1\"", quoted(path))
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', "'\\''"))
}
