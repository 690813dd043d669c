//! Real guests of 512 bytes under a real QEMU, and an agent that is a process of its own and gets killed.
//!
//! Where QEMU or root is not there, this says NOT RUN.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use freehold_proto::internal::host::{GuestState, PowerState, ResourceKind, from_agent};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use support::guest::GREETING;
use support::setting::{Setting, guest, running};
use support::{changed, instance_id, until, volume_id};

/// What is left in the agent's folder under either id.
fn remains(folder: &Path, number: u32) -> Vec<String> {
    let listed = Command::new("find").arg(folder).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    listed.lines().filter(|path| path.contains(&instance_id(number)) || path.contains(&volume_id(number))).map(str::to_owned).collect()
}

#[tokio::test]
async fn a_guest_boots_confined_stops_by_its_power_button_and_leaves_nothing() {
    let Some(mut setting) = Setting::new(2_000_000_000).await else { return };
    let mut line = setting.attended().await;
    assert_eq!(line.hello.drivers[0].name, "qemu");
    let launched = guest(1);
    running(&mut line, &launched).await;

    let pids = setting.guests();
    assert_eq!(pids.len(), 1);
    let status = std::fs::read_to_string(format!("/proc/{}/status", pids[0])).unwrap();
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap().split_ascii_whitespace().collect::<Vec<_>>();
    assert_eq!(field("CapEff:"), ["0000000000000000"]);
    assert_eq!((field("NoNewPrivs:"), field("Seccomp:")), (vec!["1"], vec!["2"]));
    assert_eq!(field("Groups:"), Vec::<&str>::new());
    let network = std::fs::read_link(format!("/proc/{}/ns/net", pids[0])).unwrap();
    assert_ne!(network, std::fs::read_link("/proc/self/ns/net").unwrap(), "it has no network of the host's");
    for (folder, user) in [(setting.guest(1), 0), (setting.inside(1), 2_000_000_000)] {
        let metadata = std::fs::metadata(folder).unwrap();
        assert_eq!((metadata.mode() & 0o777, metadata.uid()), (0o700, user));
    }
    assert_eq!(std::fs::read_link(format!("/proc/{}/cwd", pids[0])).unwrap(), setting.inside(1));
    for (file, user) in [("guest.lock", 0), ("process", 0), ("spec.json", 0), ("launch.log", 0), ("inside/console.log", 2_000_000_000)] {
        assert_eq!(std::fs::metadata(setting.guest(1).join(file)).unwrap().uid(), user, "{file}");
    }

    let stopped = changed(&launched, |desired| desired.power = PowerState::Stopped.into());
    line.desire(&stopped);
    let observed = line.observed(&instance_id(1), GuestState::Stopped).await;
    assert!(!observed.guest_initiated_shutdown && observed.machine_type.starts_with("pc-q35-"));
    assert!(setting.guests().is_empty());
    line.console_with(&instance_id(1), GREETING).await;

    let mut started = changed(&stopped, |desired| desired.power = PowerState::Running.into());
    started.machine_type = observed.machine_type;
    line.desire(&started);
    line.observed(&instance_id(1), GuestState::Running).await;
    line.bury(ResourceKind::Instance, &instance_id(1), 9);
    line.buried(ResourceKind::Instance, &instance_id(1)).await;
    assert!(setting.guests().is_empty());
    assert_eq!(remains(setting.folder.path(), 1), Vec::<String>::new());
    assert_eq!(std::fs::read_dir(setting.folder.path().join("agent/qemu/users")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_guest_outlives_a_killed_agent_and_what_it_did_meanwhile_is_seen() {
    let Some(mut setting) = Setting::new(2_000_001_000).await else { return };
    let mut line = setting.attended().await;
    let launched = guest(1);
    running(&mut line, &launched).await;
    let before = setting.guests();

    setting.kill_agent();
    drop(line);
    assert_eq!(setting.guests(), before);
    setting.start_agent();
    let mut line = setting.scheduler.attended(1).await;
    line.desire(&launched);
    line.complete();
    assert_eq!(line.statement().await[0].state(), GuestState::Running);
    let rebooted = changed(&launched, |desired| desired.reboot_count = 1);
    line.desire(&rebooted);
    let twice = format!("{GREETING}\r\n{GREETING}");
    line.console_with(&instance_id(1), &twice).await;
    assert_eq!(setting.guests(), before, "adopted and reset, not started anew");

    // It switches itself off while nobody looks.
    setting.kill_agent();
    drop(line);
    setting.type_on_console(1, b"p");
    setting.start_agent();
    let mut line = setting.scheduler.attended(1).await;
    line.desire(&rebooted);
    line.complete();
    let observed = line.observed(&instance_id(1), GuestState::Stopped).await;
    assert!(observed.guest_initiated_shutdown);
    assert!(setting.guests().is_empty());
}

#[tokio::test]
async fn an_agent_killed_anywhere_in_a_launch_converges_to_one_guest() {
    let Some(mut setting) = Setting::new(2_000_002_000).await else { return };
    drop(setting.attended().await);
    let mut launched = guest(1);
    // Each time at another moment: when a file of the launch appears that was not there before.
    for milestone in
        ["plan/instances", "qemu/volumes", "records", "qemu/users", "qemu/guests", "qemu/guests/ID/spec.json", "qemu/guests/ID/process"]
    {
        let number = launched.instance_id.clone();
        let awaited = setting.folder.path().join("agent").join(milestone.replace("ID", &number));
        let line = setting.scheduler.attended(1).await;
        line.desire(&launched);
        let appeared = || awaited.is_file() || std::fs::read_dir(&awaited).is_ok_and(|mut inside| inside.next().is_some());
        until(milestone, appeared).await;
        setting.kill_agent();
        drop(line);
        setting.start_agent();
        let mut line = setting.scheduler.attended(1).await;
        line.desire(&launched);
        line.complete();
        line.observed(&number, GuestState::Running).await;
        line.console_with(&number, GREETING).await;
        assert_eq!(setting.guests().len(), 1, "killed at {milestone}: {:?}", setting.guests());
        line.bury(ResourceKind::Instance, &number, 9);
        line.buried(ResourceKind::Instance, &number).await;
        let next = u32::from_str_radix(&number[2..], 16).unwrap() + 1;
        launched = guest(next);
        // In this order: an agent that is hung up on dials again, and the next turn would speak to the one that is about to die.
        setting.kill_agent();
        drop(line);
        setting.start_agent();
    }
}

#[tokio::test]
async fn a_volume_that_outlives_its_instance_keeps_its_bytes() {
    let Some(mut setting) = Setting::new(2_000_005_000).await else { return };
    let mut line = setting.attended().await;
    let mut launched = guest(1);
    launched.volumes[0].delete_on_termination = false;
    line.desire(&launched);
    line.observed(&instance_id(1), GuestState::Running).await;
    line.bury(ResourceKind::Instance, &instance_id(1), 9);
    line.buried(ResourceKind::Instance, &instance_id(1)).await;
    assert!(setting.guests().is_empty() && !setting.guest(1).exists());
    let disk = setting.folder.path().join("agent/qemu/volumes").join(volume_id(1)).join("disk.qcow2");
    assert_eq!(std::fs::read(&disk).unwrap()[..4], *b"QFI\xfb");

    // It goes by a tombstone of its own.
    line.bury(ResourceKind::Volume, &volume_id(1), 1);
    line.buried(ResourceKind::Volume, &volume_id(1)).await;
    assert_eq!(remains(setting.folder.path(), 1), Vec::<String>::new());
}

#[tokio::test]
async fn an_image_that_can_not_be_had_impairs_its_instance_and_trying_again_does_not_hide_that() {
    let Some(mut setting) = Setting::new(2_000_006_000).await else { return };
    let mut line = setting.attended().await;
    let mut launched = guest(1);
    launched.volumes[0].manifest = "a".repeat(64);
    line.desire(&launched);
    let observed = line.observed(&instance_id(1), GuestState::Impaired).await;
    assert_eq!(observed.fault_code, "image-unavailable");
    let restated = changed(&launched, |desired| desired.metadata = None);
    line.desire(&restated);
    let next = line.hear("of what was restated", |kind| match kind {
        from_agent::Kind::Instance(one) if one.generation == restated.generation => Some(one),
        _ => None,
    });
    assert_eq!(next.await.state(), GuestState::Impaired);
}

#[tokio::test]
async fn an_agent_killed_in_a_burial_finishes_it_without_being_told_again() {
    let Some(mut setting) = Setting::new(2_000_003_000).await else { return };
    let mut line = setting.attended().await;
    running(&mut line, &guest(1)).await;
    line.bury(ResourceKind::Instance, &instance_id(1), 9);
    let tombstone = setting.folder.path().join("agent/plan/tombstones").join(instance_id(1));
    until("the tombstone is on disk, or the burial over", || tombstone.exists() || !setting.guest(1).exists()).await;
    setting.kill_agent();
    drop(line);
    setting.start_agent();
    until("nothing is left", || remains(setting.folder.path(), 1).is_empty() && setting.guests().is_empty()).await;
}

#[tokio::test]
async fn a_qemu_that_is_killed_is_started_again_and_a_disk_that_is_gone_is_not_made_again() {
    let Some(mut setting) = Setting::new(2_000_004_000).await else { return };
    let mut line = setting.attended().await;
    let launched = guest(1);
    running(&mut line, &launched).await;
    let before = setting.guests();
    kill(Pid::from_raw(before[0]), Signal::SIGKILL).unwrap();
    let twice = format!("{GREETING}\r\n{GREETING}");
    line.console_with(&instance_id(1), &twice).await;
    assert_ne!(setting.guests(), before);

    let stopped = changed(&launched, |desired| desired.power = PowerState::Stopped.into());
    line.desire(&stopped);
    line.observed(&instance_id(1), GuestState::Stopped).await;
    let volume = setting.folder.path().join("agent/qemu/volumes").join(volume_id(1));
    std::fs::rename(&volume, setting.folder.path().join("stolen")).unwrap();
    let started = changed(&stopped, |desired| desired.power = PowerState::Running.into());
    line.desire(&started);
    let observed = line.observed(&instance_id(1), GuestState::Impaired).await;
    assert_eq!(observed.fault_code, "disk-missing");
    assert!(!volume.exists() && setting.guests().is_empty());
}

#[tokio::test]
async fn a_day_without_a_control_plane_passes_and_guests_run_reboot_and_are_started_again() {
    let Some(mut setting) = Setting::new(2_000_007_000).await else { return };
    let mut line = setting.attended().await;
    let launched = guest(1);
    running(&mut line, &launched).await;
    let process = setting.guests();
    drop(line);
    setting.lose_the_scheduler();

    let clock = setting.folder.path().join("clock");
    for hour in 1..=24_usize {
        std::fs::write(&clock, (hour * 3600).to_string()).unwrap();
        if hour % 6 == 0 {
            let before = setting.greetings(1);
            setting.type_on_console(1, b"r");
            until("the guest rebooted by its own will", || setting.greetings(1) > before).await;
        }
        assert_eq!(setting.guests(), process, "after {hour} hours");
    }
    // The agent, too, may be started again in that time, and a guest that dies is started from what is on the host's own disk.
    setting.kill_agent();
    setting.start_agent();
    let before = setting.greetings(1);
    kill(Pid::from_raw(process[0]), Signal::SIGKILL).unwrap();
    until("the guest is started again", || setting.greetings(1) > before).await;
    let process = setting.guests();

    setting.find_the_scheduler();
    let mut line = setting.scheduler.attended(1).await;
    line.desire(&launched);
    line.complete();
    let stated = line.statement().await;
    assert_eq!((stated.len(), stated[0].state()), (1, GuestState::Running));
    assert_eq!(setting.guests(), process);
}

#[tokio::test]
async fn a_guest_that_dies_again_and_again_is_impaired_and_not_called_running_in_between() {
    let Some(mut setting) = Setting::new(2_000_008_000).await else { return };
    let mut line = setting.attended().await;
    line.desire(&guest(1));
    for _ in 0..3 {
        until("its process is there", || !setting.guests().is_empty()).await;
        until("it booted", || setting.greetings(1) > 0).await;
        std::fs::write(setting.inside(1).join("console.log"), "").unwrap();
        for pid in setting.guests() {
            kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
        }
        until("it is dead", || setting.guests().is_empty()).await;
    }
    let observed = line.observed(&instance_id(1), GuestState::Impaired).await;
    assert_eq!(observed.fault_code, "hypervisor");
    assert!(observed.fault_message.contains("after its start"), "{}", observed.fault_message);
    until("it is started once more", || !setting.guests().is_empty()).await;
    // What is said next is the answer to another generation, and it has not proved itself yet.
    line.desire(&changed(&guest(1), |desired| desired.metadata = None));
    let next = line.hear("the next generation", |kind| match kind {
        from_agent::Kind::Instance(one) if one.generation == 2 => Some(one),
        _ => None,
    });
    assert_eq!(next.await.state(), GuestState::Impaired);
}
