//! The two standard tests, and what a client sees.

use std::time::Duration;

use freehold_proto::aws::ec2;
use freehold_proto::internal::host::{GuestState, InstanceObserved};
use sea_orm::EntityTrait;

use super::GiveUpLaunches;
use crate::lab::{Agent, Lab, as_desired, eventually, hello};
use crate::reconcile::{Reconciler, pass};
use crate::store::{instance, tombstone};

const BOUND: Duration = Duration::from_mins(10);
const A_MOMENT: Duration = Duration::from_millis(1);
const ALMOST: Duration = Duration::from_millis(600_000 - 1);

async fn rows(lab: &Lab) -> (Vec<instance::Model>, Vec<tombstone::Model>) {
    let db = lab.store().reader();
    (instance::Entity::find().all(db).await.expect("instances"), tombstone::Entity::find().all(db).await.expect("tombstones"))
}

async fn given_up(lab: &Lab) -> usize {
    pass(&GiveUpLaunches, lab.store()).await.expect("a pass")
}

fn states(rows: &[instance::Model]) -> Vec<&str> {
    rows.iter().map(|row| row.state.as_str()).collect()
}

/// The host says of an instance that it can not carry out what it was told last.
async fn impair(lab: &Lab, agent: &Agent, id: &str) {
    let generation = rows(lab).await.0.iter().find(|row| row.instance_id == id).expect("a row").generation;
    let told = |told: &crate::lab::Told| told.instances.get(id).is_some_and(|told| i64::try_from(told.generation) == Ok(generation));
    let told = agent.until_told("what is desired now", told).await;
    let impaired = InstanceObserved {
        state: GuestState::Impaired.into(),
        fault_code: "image-unavailable".into(),
        fault_message: "the image store has no such image".into(),
        ..as_desired(&told.instances[id])
    };
    agent.report(impaired).await;
    eventually("impaired", async || rows(lab).await.0.iter().any(|row| row.instance_id == id && row.impaired_since.is_some())).await;
}

/// Three launches that their host can not carry out.
async fn failing() -> (Lab, Agent) {
    let lab = Lab::new().await;
    let agent = Agent::silent(&lab).await;
    lab.ok(ec2::RunInstancesRequest { min_count: 3, max_count: 3, ..lab.launch() }).await;
    for row in rows(&lab).await.0 {
        impair(&lab, &agent, &row.instance_id).await;
    }
    (lab, agent)
}

#[tokio::test]
async fn failed_launches_end_whatever_crashes_and_a_host_that_was_away_has_its_time_again() {
    for steps in 0..=3 {
        let (lab, agent) = failing().await;
        lab.clock.advance(BOUND);
        for one in GiveUpLaunches.due(lab.store()).await.expect("due").into_iter().take(steps) {
            GiveUpLaunches.step(lab.store(), one).await.expect("a step");
        }
        let lab = lab.crash().await;
        assert_eq!(given_up(&lab).await, 0, "the host is away");
        let _agent = Agent::attend(&lab, hello(&agent.host_id), false).await;
        lab.clock.advance(ALMOST);
        assert_eq!(given_up(&lab).await, 0, "the host may manage yet");
        lab.clock.advance(A_MOMENT);
        assert_eq!(given_up(&lab).await, 3 - steps);
        let (instances, tombstones) = rows(&lab).await;
        assert_eq!((states(&instances), tombstones.len()), (vec!["shutting-down"; 3], 3));
    }
}

#[tokio::test]
async fn giving_up_twice_changes_nothing() {
    let (lab, _agent) = failing().await;
    let early = rows(&lab).await;
    lab.clock.advance(ALMOST);
    assert_eq!(given_up(&lab).await, 0);
    assert_eq!(rows(&lab).await, early, "nothing is due a millisecond early");
    lab.clock.advance(A_MOMENT);
    let due = GiveUpLaunches.due(lab.store()).await.expect("due");
    assert_eq!(given_up(&lab).await, 3);
    let once = rows(&lab).await;
    for one in due {
        GiveUpLaunches.step(lab.store(), one).await.expect("a step that was done already");
    }
    assert_eq!(given_up(&lab).await, 0);
    assert_eq!(rows(&lab).await, once);
}

#[tokio::test]
async fn a_failed_launch_is_seen_as_ec2_shows_it() {
    let lab = Lab::with(|config| config.launch_timeout_seconds = 5).await;
    let agent = Agent::silent(&lab).await;
    let id = lab.run(lab.launch()).await.instance_id.expect("an id");
    impair(&lab, &agent, &id).await;
    lab.clock.advance(Duration::from_secs(5));
    assert_eq!(given_up(&lab).await, 1, "after what is configured");
    // Its next session carries the tombstone out.
    let _agent = Agent::attend(&lab, hello(&agent.host_id), true).await;
    lab.until_state(&id, "terminated").await;
    let gone = lab.instance(&id).await;
    let reason = gone.state_reason.expect("a reason");
    assert_eq!(reason.code.as_deref(), Some("Server.InternalError"));
    assert_eq!(reason.message.as_deref(), Some("Server.InternalError: Internal error on launch"));
    assert_eq!(gone.state_transition_reason.as_deref(), Some("Server.InternalError"));
    assert!(lab.ok(ec2::DescribeVolumesRequest::default()).await.volumes.is_empty());
}

#[tokio::test]
async fn a_launch_that_succeeds_at_last_is_not_given_up() {
    let (lab, agent) = failing().await;
    lab.clock.advance(BOUND);
    let all = agent.told().instances;
    for desired in all.values() {
        agent.report(as_desired(desired)).await;
        lab.until_state(&desired.instance_id, "running").await;
    }
    assert_eq!(given_up(&lab).await, 0);
    assert_eq!(states(&rows(&lab).await.0), ["running"; 3]);
}

#[tokio::test]
async fn a_start_that_fails_is_stopped_again_and_keeps_its_disk() {
    let lab = Lab::new().await;
    let agent = Agent::silent(&lab).await;
    let id = lab.run(lab.launch()).await.instance_id.expect("an id");
    let obey = async |state: &str, generation: u64| {
        let told = agent.until_told("more", |told| told.instances.get(&id).is_some_and(|told| told.generation >= generation)).await;
        agent.report(as_desired(&told.instances[&id])).await;
        lab.until_state(&id, state).await;
    };
    obey("running", 1).await;
    impair(&lab, &agent, &id).await;
    lab.stop(&id).await;
    obey("stopped", 2).await;
    lab.start(&id).await;
    lab.clock.advance(BOUND);
    assert_eq!(given_up(&lab).await, 0, "the fault before the start does not count");
    impair(&lab, &agent, &id).await;
    lab.clock.advance(BOUND);
    assert_eq!(given_up(&lab).await, 1);
    let generation = rows(&lab).await.0[0].generation;
    obey("stopped", u64::try_from(generation).expect("positive")).await;
    let stopped = lab.instance(&id).await;
    assert_eq!(stopped.state_reason.and_then(|reason| reason.code).as_deref(), Some("Server.InternalError"));
    assert_eq!(stopped.block_device_mappings.len(), 1);
    assert!(rows(&lab).await.1.is_empty(), "nothing is to be destroyed");
}
