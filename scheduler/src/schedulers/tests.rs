//! Two schedulers on one store: whose hosts are whose, and what each knows of the other's.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use freehold_proto::aws::ec2;
use sea_orm::EntityTrait;

use super::{Pulse, enter, leave};
use crate::hosts::Hosts;
use crate::lab::{ALICE, Agent, Lab, eventually, hello};
use crate::store::{console_question, host, lease, scheduler};

const LIFETIME: Duration = Duration::from_millis(lease::LIFETIME_MILLIS.unsigned_abs());

async fn schedulers(lab: &Lab) -> Vec<String> {
    let rows = scheduler::Entity::find().all(lab.store().reader()).await.expect("rows");
    rows.into_iter().map(|row| row.scheduler_id).collect()
}

async fn attended_by(lab: &Lab, agent: &Agent) -> (bool, Option<String>) {
    let row = host::Entity::find_by_id(&agent.host_id).one(lab.store().reader()).await.expect("asked").expect("a host");
    (row.connected, row.attended_by)
}

fn pulse(lab: &Lab) -> Pulse {
    Pulse::new(Arc::clone(lab.store()), Arc::clone(&lab.scheduler.engine().hosts))
}

async fn beats(pulse: &mut Pulse) -> bool {
    pulse.beat().await.expect("a beat")
}

/// Another scheduler's pulse, over the same store.
struct Other(Pulse);

impl Other {
    fn of(lab: &Lab) -> Self {
        let hosts = Hosts::named("other", Arc::clone(lab.store()));
        Self(Pulse::new(Arc::clone(lab.store()), Arc::new(hosts)))
    }

    async fn beats(&mut self) -> bool {
        self.0.beat().await.expect("a beat")
    }
}

fn own(lab: &Lab) -> String {
    lab.scheduler.engine().hosts.scheduler_id().to_owned()
}

#[tokio::test]
async fn one_that_says_nothing_for_its_lifetime_is_buried_and_learns_of_it() {
    let lab = Lab::new().await;
    let agent = Agent::silent(&lab).await;
    let own = own(&lab);
    assert_eq!(attended_by(&lab, &agent).await, (true, Some(own.clone())));
    let (mut first, mut second) = (pulse(&lab), Other::of(&lab));
    assert!(!second.beats().await, "it was not known before");
    for _ in 0..4 {
        lab.clock.advance(LIFETIME / 2);
        assert!(beats(&mut first).await && second.beats().await, "both are there for as long as they say so");
    }
    assert_eq!(attended_by(&lab, &agent).await, (true, Some(own.clone())));
    lab.clock.advance(LIFETIME / 2);
    assert!(second.beats().await);
    lab.clock.advance((LIFETIME / 2).saturating_sub(Duration::from_millis(1)));
    assert!(second.beats().await);
    assert_eq!(attended_by(&lab, &agent).await, (true, Some(own.clone())), "a millisecond early");
    lab.clock.advance(Duration::from_millis(1));
    assert!(second.beats().await);
    assert_eq!(attended_by(&lab, &agent).await, (false, None));
    assert_eq!(schedulers(&lab).await, ["other"]);
    eventually("its session ends", async || agent.ended()).await;
    assert!(!beats(&mut first).await, "it is told that it was taken for gone");
    assert!(beats(&mut first).await);
    let again = Agent::attend(&lab, hello(&agent.host_id), false).await;
    assert_eq!(attended_by(&lab, &again).await, (true, Some(own)));
}

#[tokio::test]
async fn one_that_has_not_watched_buries_nobody() {
    let lab = Lab::new().await;
    let agent = Agent::silent(&lab).await;
    let own = own(&lab);
    let (mut first, mut second) = (pulse(&lab), Other::of(&lab));
    assert!(beats(&mut first).await && !second.beats().await);
    assert!(beats(&mut first).await && second.beats().await);
    // Neither could reach the store.
    lab.clock.advance(LIFETIME);
    assert!(second.beats().await && beats(&mut first).await, "the first to be back leaves the other time to come back");
    // A clock that was set is not time that has passed.
    lab.clock.advance(Duration::from_hours(10));
    assert!(second.beats().await && beats(&mut first).await);
    assert_eq!(attended_by(&lab, &agent).await, (true, Some(own)));
}

#[tokio::test]
async fn a_host_whose_going_could_not_be_written_down_is_found_absent_later() {
    let lab = Lab::new().await;
    let agent = Agent::silent(&lab).await;
    let own = own(&lab);
    // As when the store failed in that moment: the session is over, the row says otherwise.
    lab.scheduler.engine().hosts.hang_up();
    eventually("its session ends", async || agent.ended()).await;
    assert_eq!(attended_by(&lab, &agent).await, (true, Some(own)));
    let mut pulse = pulse(&lab);
    pulse.once().await.expect("a beat");
    assert_eq!(attended_by(&lab, &agent).await, (false, None));
    let again = Agent::attend(&lab, hello(&agent.host_id), false).await;
    pulse.once().await.expect("a beat");
    assert!(attended_by(&lab, &again).await.0, "one that attends is left alone");
}

#[tokio::test]
async fn one_that_stops_leaves_its_hosts_to_the_others_at_once() {
    let lab = Lab::new().await;
    let agent = Agent::silent(&lab).await;
    leave(lab.store(), &own(&lab)).await.expect("left");
    assert_eq!(attended_by(&lab, &agent).await, (false, None));
    assert!(schedulers(&lab).await.is_empty());
    eventually("its session ends", async || agent.ended()).await;
    assert!(Agent::try_attend(&lab, hello(&agent.host_id), false).await.is_err(), "who has no row has no hosts");
}

#[tokio::test]
async fn one_that_starts_takes_nothing_from_one_that_is_there() {
    let lab = Lab::new().await;
    let agent = Agent::silent(&lab).await;
    enter(lab.store(), "new").await.expect("entered");
    let own = own(&lab);
    let kept = lab.store().is_shared();
    assert_eq!(schedulers(&lab).await.contains(&own), kept);
    assert_eq!(attended_by(&lab, &agent).await, if kept { (true, Some(own.clone())) } else { (false, None) }, "a file has one scheduler");
}

#[tokio::test]
async fn a_host_that_attends_another_scheduler_is_that_one_s_and_is_asked_through_it() {
    let lab = Lab::new().await;
    let agent = Agent::obedient(&lab).await;
    let id = lab.run(lab.launch()).await.instance_id.expect("an id");
    lab.until_state(&id, "running").await;
    let other = lab.beside().await;
    let moved = Agent::attend(&other, hello(&agent.host_id), true).await;
    eventually("the session before it ends", async || agent.ended()).await;
    assert!(moved.told().instances.contains_key(&id));
    let who = Some(own(&other));
    assert_eq!(attended_by(&lab, &moved).await, (true, who.clone()), "the end of the older one is not the host's");

    let request = ec2::GetConsoleOutputRequest { instance_id: id.clone(), ..Default::default() };
    eventually("asked here, answered there", async || {
        let answer = lab.call(ALICE, request.clone()).await;
        let output = answer.ok().and_then(|answer| answer.output).map(|text| base64::engine::general_purpose::STANDARD.decode(text));
        output == Some(Ok(format!("hello from {id}").into_bytes()))
    })
    .await;
    assert!(console_question::Entity::find().all(lab.store().reader()).await.expect("rows").is_empty(), "nothing is left of it");
    assert!(!moved.ended());
    assert_eq!(attended_by(&lab, &moved).await, (true, who));
}
