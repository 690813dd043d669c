//! The tiny image, built from packages and booted twice in QEMU without hardware virtualisation: what its scripts promise.

#![expect(clippy::expect_used, reason = "a test that can not go on fails, also in its helpers")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use freehold_image_store::build::{Plan, tiny};

const USER_DATA_RAN: &str = "user data ran as uid 0 on tiny-guest";
const PATIENCE: Duration = Duration::from_mins(3);

/// A guest that is killed when the test ends, however it ends.
struct Guest {
    qemu: Child,
    console: PathBuf,
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

impl Guest {
    /// QEMU's own network, in which `imds.sh` stands for the metadata service.
    fn boot(disk: &Path, folder: &Path, name: &str) -> Self {
        let console = folder.join(format!("{name}.console"));
        let imds = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/imds.sh");
        let network = format!(
            "user,id=net,restrict=on,net=169.254.169.0/24,host=169.254.169.2,dhcpstart=169.254.169.10,\
             guestfwd=tcp:169.254.169.254:80-cmd:sh {}",
            imds.display()
        );
        let qemu = Command::new("nice")
            .args(["qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-m", "256", "-nodefaults", "-display", "none", "-no-reboot"])
            .args(["-serial", &format!("file:{}", console.display())])
            .args(["-drive", &format!("file={},format=raw,if=virtio", disk.display())])
            .args(["-netdev", &network, "-device", "virtio-net-pci,netdev=net,romfile="])
            .stdin(Stdio::null())
            .spawn()
            .expect("qemu-system-x86_64 (apt-get install qemu-system-x86)");
        Self { qemu, console }
    }

    /// Waits until the guest has powered itself off; what it said on the console.
    fn console_until_power_off(mut self) -> String {
        let deadline = Instant::now() + PATIENCE;
        while self.qemu.try_wait().expect("qemu").is_none() {
            assert!(Instant::now() < deadline, "the guest does not power itself off:\n{}", self.text());
            std::thread::sleep(Duration::from_millis(100));
        }
        self.text()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.console).unwrap_or_default()).into_owned()
    }
}

/// e2fsck's verdict on the root file system, without touching it.
fn assert_clean(disk: &Path) {
    let target = format!("{}?offset={}", disk.display(), 2 << 20);
    let output = Command::new("/usr/sbin/e2fsck").args(["-f", "-n", &target]).output().expect("e2fsck");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[tokio::test]
async fn the_tiny_image_boots_runs_user_data_once_and_powers_off() {
    let folder = tempfile::tempdir().expect("a folder");
    let work = folder.path().join("work");
    fs::create_dir(&work).expect("a working folder");
    let disk = folder.path().join("disk.raw");
    // Kept between runs, as everything under target is.
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("image-cache");
    let plan =
        Plan { disk: disk.clone(), size_bytes: tiny::DEFAULT_SIZE_BYTES, work: &work, cache: &cache, report: &|text| eprintln!("{text}") };
    tiny::build(&plan).await.expect("built");
    assert_clean(&disk);

    let first = Guest::boot(&disk, folder.path(), "first").console_until_power_off();
    for expected in ["freehold-tiny: ssh is up", "ssh-ed25519 ", USER_DATA_RAN, "freehold-tiny: user data ended with 0"] {
        assert!(first.contains(expected), "no `{expected}` in:\n{first}");
    }
    assert_clean(&disk);

    let second = Guest::boot(&disk, folder.path(), "second").console_until_power_off();
    assert!(second.contains("freehold-tiny: ssh is up") && second.contains("second start"), "{second}");
    assert!(!second.contains(USER_DATA_RAN), "user data ran again:\n{second}");
    let host_key = |console: &str| console.lines().find(|line| line.starts_with("ssh-ed25519 ")).map(str::to_owned);
    assert_eq!(host_key(&first), host_key(&second), "the host key changed");
    assert_clean(&disk);
}
