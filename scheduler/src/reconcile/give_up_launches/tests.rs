//! For the two standard tests, and what a client sees.

use std::time::Duration;

use freehold_proto::aws::ec2;
use freehold_proto::internal::host::{GuestState, InstanceObserved};
use sea_orm::EntityTrait;

use super::GiveUpLaunches;
use crate::lab::{Agent, Lab, as_desired, eventually, hello};
use crate::reconcile::pass;
use crate::reconcile::standard::{Rehearsal, Stage};
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

impl Rehearsal for GiveUpLaunches {
    const WAIT: Duration = BOUND;

    async fn stage() -> Stage {
        let (lab, agent) = failing().await;
        Stage { lab, agent }
    }

    async fn rows(lab: &Lab) -> String {
        format!("{:?}", rows(lab).await)
    }

    async fn outcome(lab: &Lab) -> String {
        let (instances, tombstones) = rows(lab).await;
        format!("{:?} {}", states(&instances), tombstones.len())
    }

    /// A host that was away has its time again.
    async fn crash(&self, stage: Stage) -> Stage {
        let lab = stage.lab.crash().await;
        assert_eq!(given_up(&lab).await, 0, "the host is away");
        let agent = Agent::attend(&lab, hello(&stage.agent.host_id), false).await;
        lab.clock.advance(ALMOST);
        assert_eq!(given_up(&lab).await, 0, "the host may manage yet");
        lab.clock.advance(A_MOMENT);
        Stage { lab, agent }
    }
}

#[tokio::test]
async fn failed_launches_are_shutting_down_and_are_to_be_buried() {
    let (lab, _agent) = failing().await;
    lab.clock.advance(BOUND);
    assert_eq!(given_up(&lab).await, 3);
    let (instances, tombstones) = rows(&lab).await;
    assert_eq!((states(&instances), tombstones.len()), (vec!["shutting-down"; 3], 3));
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
