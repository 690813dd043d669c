//! The agent end to end on simulated guests: a scheduler that a test plays by hand on one side, the agent's state folder on the other.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::path::Path;

use freehold_node_agent::{Config, DriverName};
use freehold_proto::internal::host::{GuestState, InstanceObserved, PowerState, ResourceKind};
use support::{CLUSTER, Line, Scheduler, changed, desired, instance_id, until};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

struct Agent {
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<()>,
}

impl Agent {
    fn start(folder: &Path) -> Self {
        Self::configured(folder, |_| {})
    }

    fn configured(folder: &Path, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config {
            state_folder: folder.join("agent"),
            hosts_socket: folder.join("hosts.sock"),
            drivers: vec![DriverName::Simulated],
            ..Config::default()
        };
        config.simulated.boot_milliseconds = 20;
        config.simulated.shutdown_milliseconds = 20;
        change(&mut config);
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(async move {
            freehold_node_agent::run(config, async { drop(stopped.await) }).await.unwrap();
        });
        Self { stop: Some(stop), running }
    }

    async fn stop(mut self) {
        drop(self.stop.take());
        self.running.await.unwrap();
    }
}

fn control(folder: &Path, number: u32, word: &str) {
    std::fs::write(folder.join("agent/simulated/control").join(instance_id(number)), word).unwrap();
}

/// A scheduler, an attending agent, and the line between them after both have stated everything.
async fn attended(folder: &Path) -> (Scheduler, Agent, Line) {
    let mut scheduler = Scheduler::listen(&folder.join("hosts.sock"));
    let agent = Agent::start(folder);
    let mut line = scheduler.attended(1).await;
    line.complete();
    assert!(line.statement().await.is_empty());
    (scheduler, agent, line)
}

/// Files in the state folder whose name contains `part`.
fn remains(folder: &Path, part: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.to_string_lossy().contains(part) {
                found.push(path.display().to_string());
            }
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
    found
}

#[tokio::test]
async fn an_instance_lives_from_launch_to_burial() {
    let folder = tempfile::tempdir().unwrap();
    let (_scheduler, agent, mut line) = attended(folder.path()).await;
    assert_eq!(line.hello.drivers[0].name, "simulated");

    let launched = desired(1, "simulated");
    line.desire(&launched);
    let observed = line.observed(&instance_id(1), GuestState::Running).await;
    assert_eq!((observed.generation, observed.machine_type.as_str()), (1, "simulated-1"));
    assert!(line.console_with(&instance_id(1), "login:").await.contains("Linux version"));

    let stopped = changed(&launched, |desired| desired.power = PowerState::Stopped.into());
    line.desire(&stopped);
    let observed = line.observed(&instance_id(1), GuestState::Stopped).await;
    assert_eq!((observed.generation, observed.guest_initiated_shutdown), (2, false));
    line.console_with(&instance_id(1), "Power down").await;

    let started = changed(&stopped, |desired| {
        desired.power = PowerState::Running.into();
        desired.start_count = 2;
    });
    line.desire(&started);
    line.observed(&instance_id(1), GuestState::Running).await;

    line.bury(ResourceKind::Instance, &instance_id(1), 4);
    assert_eq!(line.buried(ResourceKind::Instance, &instance_id(1)).await, 4);
    assert_eq!(remains(folder.path(), &instance_id(1)), Vec::<String>::new());
    agent.stop().await;
}

#[tokio::test]
async fn a_reboot_resets_once_and_its_count_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let (_scheduler, agent, mut line) = attended(folder.path()).await;
    let launched = desired(1, "simulated");
    line.desire(&launched);
    line.observed(&instance_id(1), GuestState::Running).await;
    line.desire(&changed(&launched, |desired| desired.reboot_count = 1));
    let rebooted = line.hear("it runs after the reboot", |kind| match kind {
        freehold_proto::internal::host::from_agent::Kind::Instance(one) if one.reboot_count == 1 => {
            (one.state() == GuestState::Running).then_some(one)
        }
        _ => None,
    });
    assert_eq!(rebooted.await.generation, 2);
    let shown = line.console_with(&instance_id(1), "login:").await;
    assert_eq!(shown.matches("Linux version").count(), 2, "{shown}");
    agent.stop().await;
}

#[tokio::test]
async fn a_guest_that_powers_itself_off_is_stopped_until_it_is_started_again() {
    let folder = tempfile::tempdir().unwrap();
    let (mut scheduler, agent, mut line) = attended(folder.path()).await;
    let launched = desired(1, "simulated");
    line.desire(&launched);
    line.observed(&instance_id(1), GuestState::Running).await;
    control(folder.path(), 1, "power-off");
    assert!(line.observed(&instance_id(1), GuestState::Stopped).await.guest_initiated_shutdown);

    // Neither an agent started anew nor a change of something else starts it.
    agent.stop().await;
    let agent = Agent::start(folder.path());
    let mut line = scheduler.attended(1).await;
    let retagged = changed(&launched, |_| {});
    line.desire(&retagged);
    line.complete();
    let observed = line.hear("the new generation", |kind| match kind {
        freehold_proto::internal::host::from_agent::Kind::Instance(one) if one.generation == 2 => Some(one),
        _ => None,
    });
    let observed = observed.await;
    assert_eq!((observed.state(), observed.guest_initiated_shutdown), (GuestState::Stopped, true));

    line.desire(&changed(&retagged, |desired| desired.start_count = 2));
    assert!(!line.observed(&instance_id(1), GuestState::Running).await.guest_initiated_shutdown);
    agent.stop().await;
}

#[tokio::test]
async fn a_guest_that_hangs_loses_its_power_after_the_bound_or_when_forced() {
    let folder = tempfile::tempdir().unwrap();
    let mut scheduler = Scheduler::listen(&folder.path().join("hosts.sock"));
    let agent = Agent::configured(folder.path(), |config| config.stop_timeout_seconds = 0);
    let mut line = scheduler.attended(1).await;
    let bounded = desired(1, "simulated");
    line.desire(&bounded);
    line.complete();
    line.observed(&instance_id(1), GuestState::Running).await;
    let controlled = folder.path().join("agent/simulated/control").join(instance_id(1));
    control(folder.path(), 1, "hang");
    until("the word is taken", || !controlled.exists()).await;
    line.desire(&changed(&bounded, |desired| desired.power = PowerState::Stopped.into()));
    assert!(!line.observed(&instance_id(1), GuestState::Stopped).await.guest_initiated_shutdown);
    agent.stop().await;

    // The default bound is a minute, as long as a test waits: force is what stops this one.
    let agent = Agent::configured(folder.path(), |config| config.stop_timeout_seconds = 3600);
    let mut line = scheduler.attended(1).await;
    let forced = desired(2, "simulated");
    line.desire(&forced);
    line.observed(&instance_id(2), GuestState::Running).await;
    let controlled = folder.path().join("agent/simulated/control").join(instance_id(2));
    control(folder.path(), 2, "hang");
    until("the word is taken", || !controlled.exists()).await;
    let asked = changed(&forced, |desired| desired.power = PowerState::Stopped.into());
    line.desire(&asked);
    line.observed(&instance_id(2), GuestState::Stopping).await;
    line.desire(&changed(&asked, |desired| desired.force_stop = true));
    line.observed(&instance_id(2), GuestState::Stopped).await;
    agent.stop().await;
}

#[tokio::test]
async fn guests_and_plan_outlive_the_agent_and_the_scheduler() {
    let folder = tempfile::tempdir().unwrap();
    let (scheduler, agent, mut line) = attended(folder.path()).await;
    line.desire(&desired(1, "simulated"));
    line.observed(&instance_id(1), GuestState::Running).await;
    let host_id = line.hello.host_id.clone();
    agent.stop().await;
    drop((scheduler, line));

    // No scheduler answers, and a guest that died is started again.
    let agent = Agent::start(folder.path());
    let guest = folder.path().join("agent/simulated/guests").join(instance_id(1));
    // A sealed file: format and checksum come first.
    let boots = || {
        let file = std::fs::read(&guest).unwrap();
        serde_json::from_slice::<serde_json::Value>(&file[36..]).unwrap()["boots"].as_array().unwrap().len()
    };
    let before = boots();
    control(folder.path(), 1, "crash");
    until("it booted again", || boots() > before).await;

    let mut scheduler = Scheduler::listen(&folder.path().join("hosts.sock"));
    let mut line = scheduler.attended(1).await;
    assert_eq!((line.hello.host_id.as_str(), line.hello.cluster_id.as_str()), (host_id.as_str(), CLUSTER));
    let stated = line.statement().await;
    assert_eq!(stated.iter().map(|one| one.instance_id.clone()).collect::<std::collections::BTreeSet<_>>().len(), 1);
    agent.stop().await;
}

#[tokio::test]
async fn a_guest_that_is_to_stay_down_is_impaired_until_it_is_rebooted() {
    let folder = tempfile::tempdir().unwrap();
    let (mut scheduler, agent, mut line) = attended(folder.path()).await;
    let mut launched = desired(1, "simulated");
    launched.stays_down = true;
    line.desire(&launched);
    line.observed(&instance_id(1), GuestState::Running).await;
    control(folder.path(), 1, "crash");
    let observed = line.observed(&instance_id(1), GuestState::Impaired).await;
    assert_eq!((observed.fault_code.as_str(), observed.guest_initiated_shutdown), ("guest-ended", false));

    // Nor does an agent that comes after this one, as after the host's reboot, start it.
    agent.stop().await;
    let agent = Agent::start(folder.path());
    let mut line = scheduler.attended(1).await;
    line.desire(&launched);
    line.complete();
    let stated = line.statement().await;
    assert_eq!(stated.iter().map(InstanceObserved::state).collect::<Vec<_>>(), [GuestState::Impaired]);

    let rebooted = changed(&launched, |desired| desired.reboot_count = 1);
    line.desire(&rebooted);
    let observed = line.observed(&instance_id(1), GuestState::Running).await;
    assert_eq!((observed.generation, observed.reboot_count, observed.fault_code.as_str()), (2, 1, ""));

    // It is started again as soon as it need not stay down.
    control(folder.path(), 1, "crash");
    line.observed(&instance_id(1), GuestState::Impaired).await;
    line.desire(&changed(&rebooted, |desired| desired.stays_down = false));
    line.observed(&instance_id(1), GuestState::Running).await;

    // Its own orderly shutdown is one, and a stop works of one that is down.
    let mut other = desired(2, "simulated");
    other.stays_down = true;
    line.desire(&other);
    line.observed(&instance_id(2), GuestState::Running).await;
    control(folder.path(), 2, "crash");
    line.observed(&instance_id(2), GuestState::Impaired).await;
    let stopped = changed(&other, |desired| desired.power = PowerState::Stopped.into());
    line.desire(&stopped);
    assert!(!line.observed(&instance_id(2), GuestState::Stopped).await.guest_initiated_shutdown);
    line.desire(&changed(&stopped, |desired| {
        desired.power = PowerState::Running.into();
        desired.start_count = 2;
    }));
    line.observed(&instance_id(2), GuestState::Running).await;
    control(folder.path(), 2, "power-off");
    assert!(line.observed(&instance_id(2), GuestState::Stopped).await.guest_initiated_shutdown);
    agent.stop().await;
}

#[tokio::test]
async fn a_quarantine_outlives_the_agent_and_its_scheduler() {
    let folder = tempfile::tempdir().unwrap();
    let (mut scheduler, agent, mut line) = attended(folder.path()).await;
    line.desire(&desired(1, "simulated"));
    line.observed(&instance_id(1), GuestState::Running).await;
    drop(line);
    let mut line = scheduler.attended(2).await;
    line.complete();
    line.observed(&instance_id(1), GuestState::Quarantined).await;
    agent.stop().await;

    // The next scheduler has not said anything yet, and what was in quarantine is not touched: not even to start it again.
    let agent = Agent::start(folder.path());
    let mut line = scheduler.attended(2).await;
    let stated = line.statement().await;
    assert_eq!(stated.iter().map(InstanceObserved::state).collect::<Vec<_>>(), [GuestState::Quarantined]);
    line.desire(&desired(1, "simulated"));
    line.observed(&instance_id(1), GuestState::Running).await;
    agent.stop().await;
}

#[tokio::test]
async fn what_the_scheduler_does_not_mention_is_quarantined_and_released_by_a_mention() {
    let folder = tempfile::tempdir().unwrap();
    let (mut scheduler, agent, mut line) = attended(folder.path()).await;
    let forgotten = desired(1, "simulated");
    line.desire(&forgotten);
    line.observed(&instance_id(1), GuestState::Running).await;
    drop(line);

    let mut line = scheduler.attended(2).await;
    line.desire(&desired(2, "simulated"));
    line.complete();
    line.observed(&instance_id(1), GuestState::Quarantined).await;
    line.console_with(&instance_id(1), "login:").await;
    line.desire(&forgotten);
    line.observed(&instance_id(1), GuestState::Running).await;
    let shown = line.console_with(&instance_id(1), "login:").await;
    assert_eq!(shown.matches("Linux version").count(), 1, "it ran all the time: {shown}");
    agent.stop().await;
}

#[tokio::test]
async fn a_tombstone_older_than_what_is_held_is_refused_and_one_for_nothing_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let (_scheduler, agent, mut line) = attended(folder.path()).await;
    let mut newer = desired(1, "simulated");
    newer.generation = 7;
    line.desire(&newer);
    line.observed(&instance_id(1), GuestState::Running).await;
    line.bury(ResourceKind::Instance, &instance_id(1), 6);
    line.bury(ResourceKind::Instance, &instance_id(9), 3);
    assert_eq!(line.buried(ResourceKind::Instance, &instance_id(9)).await, 3);
    line.desire(&changed(&newer, |desired| desired.power = PowerState::Stopped.into()));
    line.observed(&instance_id(1), GuestState::Stopped).await;
    agent.stop().await;
}

#[tokio::test]
async fn another_cluster_and_an_older_scheduler_are_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let (mut scheduler, agent, mut line) = attended(folder.path()).await;
    line.desire(&desired(1, "simulated"));
    line.observed(&instance_id(1), GuestState::Running).await;
    drop(line);
    for (cluster_id, epoch) in [("cluster-other", 9), (CLUSTER, 0), ("", 9)] {
        let mut line = scheduler.dialled().await;
        line.welcome(cluster_id, epoch);
        line.bury(ResourceKind::Instance, &instance_id(1), 99);
        assert!(line.heard().await.is_none(), "it hangs up on {cluster_id:?} {epoch}");
    }
    let mut line = scheduler.attended(1).await;
    assert_eq!(line.statement().await[0].state(), GuestState::Running);
    agent.stop().await;
}

#[tokio::test]
async fn a_disk_that_was_made_and_is_gone_is_a_fault_and_not_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (mut scheduler, agent, mut line) = attended(folder.path()).await;
    let launched = desired(1, "simulated");
    line.desire(&launched);
    line.observed(&instance_id(1), GuestState::Running).await;
    agent.stop().await;
    let guest = folder.path().join("agent/simulated/guests").join(instance_id(1));
    std::fs::remove_file(&guest).unwrap();
    let agent = Agent::start(folder.path());
    let mut line = scheduler.attended(1).await;
    let observed = line.observed(&instance_id(1), GuestState::Impaired).await;
    assert_eq!(observed.fault_code, "disk-missing");
    assert!(!guest.exists());
    agent.stop().await;
}

#[tokio::test]
async fn an_instance_for_a_driver_that_is_not_here_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (_scheduler, agent, mut line) = attended(folder.path()).await;
    line.desire(&desired(1, "xen"));
    let observed = line.observed(&instance_id(1), GuestState::Impaired).await;
    assert_eq!(observed.fault_code, "hypervisor");
    assert!(observed.fault_message.contains("xen"), "{}", observed.fault_message);
    agent.stop().await;
}

#[tokio::test]
async fn a_thousand_guests_run_on_one_agent_and_are_all_reported() {
    const GUESTS: u32 = 1_000;
    let folder = tempfile::tempdir().unwrap();
    let (_scheduler, agent, mut line) = attended(folder.path()).await;
    for number in 0..GUESTS {
        line.desire(&desired(number, "simulated"));
    }
    let mut running = std::collections::BTreeSet::new();
    while running.len() < GUESTS as usize {
        let one = line.hear("another guest runs", |kind| match kind {
            freehold_proto::internal::host::from_agent::Kind::Instance(one) if one.state() == GuestState::Running => Some(one.instance_id),
            _ => None,
        });
        running.insert(one.await);
    }
    agent.stop().await;
}
