//! The reconcilers that only take away, for the two standard tests; and what wakes them all.

use std::time::Duration;

use freehold_proto::Caller;
use freehold_proto::aws::ec2;
use futures_util::FutureExt;
use sea_orm::{EntityTrait, PaginatorTrait};

use super::standard::{Rehearsal, Stage};
use super::{ForgetClientTokens, ForgetRefusals, ReapTerminated, Reconciler, pass, woken};
use crate::lab::{ALICE, Agent, Lab, eventually};
use crate::placement::reasons::{Others, Refused, Wanted, Why};
use crate::placement::{Amount, Request};
use crate::store::{
    Kind, client_token, instance,
    lease::{self, Watch},
    placement, refused_placement, reservation, tag,
};

/// Three instances that have just been terminated, launched under tokens and tagged; and three requests that found no place.
async fn prepared() -> (Lab, Agent) {
    let lab = Lab::new().await;
    let agent = Agent::obedient(&lab).await;
    for token in ["a", "b", "c"] {
        let tags = vec![ec2::Tag { key: Some("Name".into()), value: None }];
        let launch = ec2::RunInstancesRequest {
            client_token: Some(token.into()),
            tag_specifications: vec![ec2::TagSpecification { resource_type: Some("instance".into()), tags }],
            ..lab.launch()
        };
        let id = lab.run(launch).await.instance_id.expect("an id");
        lab.until_state(&id, "running").await;
        lab.terminate(&id).await;
        lab.until_state(&id, "terminated").await;
        let request = Request { availability_zone: "", architecture: "x86_64", instance_type: "t3.micro", amount: Amount::default() };
        let wanted = Wanted::new("1 t3.micro".into(), &request, Vec::new());
        let caller = Caller {
            account_id: ALICE.into(),
            principal_arn: String::new(),
            user_id: String::new(),
            request_id: format!("request-{token}"),
        };
        Refused { wanted, why: Why::Known(Others::default()) }.keep(lab.store(), "RunInstances", &caller).await.expect("kept");
    }
    (lab, agent)
}

async fn all_rows(lab: &Lab) -> String {
    let db = lab.store().reader();
    let instances = instance::Entity::find().all(db).await.expect("rows");
    let reservations = reservation::Entity::find().all(db).await.expect("rows");
    let tags = tag::Entity::find().all(db).await.expect("rows");
    let tokens = client_token::Entity::find().all(db).await.expect("rows");
    let placements = placement::Entity::find().all(db).await.expect("rows");
    let refusals = refused_placement::Entity::find().all(db).await.expect("rows");
    format!("{instances:?} {reservations:?} {tags:?} {tokens:?} {placements:?} {refusals:?}")
}

/// What the reconcilers are there to take away.
async fn left(lab: &Lab) -> [u64; 6] {
    let db = lab.store().reader();
    [
        instance::Entity::find().count(db).await.expect("a count"),
        reservation::Entity::find().count(db).await.expect("a count"),
        tag::Entity::find().count(db).await.expect("a count"),
        client_token::Entity::find().count(db).await.expect("a count"),
        placement::Entity::find().count(db).await.expect("a count"),
        refused_placement::Entity::find().count(db).await.expect("a count"),
    ]
}

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

async fn terminated_stage() -> Stage {
    let (lab, agent) = prepared().await;
    Stage { lab, agent }
}

impl Rehearsal for ReapTerminated {
    const WAIT: Duration = HOUR;

    async fn stage() -> Stage {
        terminated_stage().await
    }

    async fn rows(lab: &Lab) -> String {
        all_rows(lab).await
    }

    async fn outcome(lab: &Lab) -> String {
        format!("{:?}", left(lab).await)
    }
}

impl Rehearsal for ForgetRefusals {
    const WAIT: Duration = DAY;

    async fn stage() -> Stage {
        terminated_stage().await
    }

    async fn rows(lab: &Lab) -> String {
        all_rows(lab).await
    }

    async fn outcome(lab: &Lab) -> String {
        format!("{:?}", left(lab).await)
    }
}

impl Rehearsal for ForgetClientTokens {
    const WAIT: Duration = DAY;

    async fn stage() -> Stage {
        terminated_stage().await
    }

    async fn rows(lab: &Lab) -> String {
        all_rows(lab).await
    }

    async fn outcome(lab: &Lab) -> String {
        format!("{:?}", left(lab).await)
    }
}

#[tokio::test]
async fn what_is_reaped_and_forgotten_is_gone_and_nothing_else() {
    let (lab, _agent) = prepared().await;
    lab.clock.advance(HOUR);
    assert_eq!(pass(&ReapTerminated, lab.store()).await.expect("a pass"), 3);
    assert_eq!(left(&lab).await, [0, 0, 0, 3, 0, 3]);
    let (lab, _agent) = prepared().await;
    lab.clock.advance(DAY);
    assert_eq!(pass(&ForgetClientTokens, lab.store()).await.expect("a pass"), 3);
    assert_eq!(left(&lab).await, [3, 3, 3, 0, 3, 3]);
    assert_eq!(pass(&ForgetRefusals, lab.store()).await.expect("a pass"), 3);
    assert_eq!(left(&lab).await, [3, 3, 3, 0, 3, 0]);
}

async fn change_something(lab: &Lab) {
    let mut tx = lab.store().begin("").await.expect("begin");
    tx.changed(Kind::Host, "somebody");
    tx.commit().await.expect("commit");
    lab.store().world().caught_up().await.expect("the World");
}

#[tokio::test]
async fn a_change_wakes_and_so_do_changes_that_were_missed_but_once() {
    let lab = Lab::new().await;
    lab.store().world().caught_up().await.expect("the World");
    let mut changes = lab.store().follow();
    assert!(woken(&mut changes).now_or_never().is_none(), "nothing changed");
    change_something(&lab).await;
    assert!(woken(&mut changes).now_or_never().is_some());
    let mut tx = lab.store().begin("").await.expect("begin");
    for number in 0..4200 {
        tx.changed(Kind::Host, number.to_string());
    }
    tx.commit().await.expect("commit");
    lab.store().world().caught_up().await.expect("the World");
    assert!(woken(&mut changes).now_or_never().is_some(), "more were missed than are kept");
    changes = changes.resubscribe();
    assert!(woken(&mut changes).now_or_never().is_none());
}

#[tokio::test]
async fn what_is_due_is_done_at_the_next_change_and_not_only_by_the_timer() {
    let (lab, _agent) = prepared().await;
    lab.clock.advance(HOUR);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(super::run(std::sync::Arc::clone(lab.store()), "it", async { _ = stopped.await }));
    eventually("the first look is over", async || left(&lab).await[0] == 0).await;
    // An instance, and no change after its hour is over but the one that is made here.
    let _agent = Agent::obedient(&lab).await;
    let id = lab.run(lab.launch()).await.instance_id.expect("an id");
    lab.terminate(&id).await;
    lab.until_state(&id, "terminated").await;
    lab.clock.advance(HOUR);
    change_something(&lab).await;
    eventually("reaped, long before the timer", async || left(&lab).await[0] == 0).await;
    stop.send(()).expect("it runs");
    running.await.expect("it ends");
}

#[tokio::test]
async fn of_two_schedulers_one_has_the_lease_and_the_next_one_fences_the_first() {
    let lab = Lab::new().await;
    let (mut a, mut b) = (Watch::default(), Watch::default());
    let mut taken = async |holder: &str| {
        let watch = if holder == "a" { &mut a } else { &mut b };
        lease::take(lab.store(), "test", holder, watch).await.expect("asked")
    };
    let first = taken("a").await.expect("it was free");
    assert_eq!(taken("b").await, None);
    assert_eq!(taken("a").await, Some(first.clone()), "renewed, the same lease");
    lab.clock.advance(Duration::from_hours(1));
    assert_eq!(taken("b").await, None, "it was renewed since it was looked at last");
    let fenced = lab.store().fenced(first.clone());
    assert!(fenced.begin("").await.is_ok());
    let lifetime = Duration::from_millis(u64::try_from(lease::LIFETIME_MILLIS).expect("positive"));
    lab.clock.advance(lifetime.saturating_sub(Duration::from_millis(1)));
    assert_eq!(taken("b").await, None, "a millisecond early");
    lab.clock.advance(Duration::from_millis(1));
    let second = taken("b").await.expect("it has stood still for its lifetime");
    assert_eq!(taken("a").await, None);
    assert!(fenced.begin("").await.is_err(), "the first one stood still, and goes on when it wakes");
    assert!(pass(&ReapTerminated, &fenced).await.is_ok(), "nothing is due: nothing is written");
    lease::give_back(lab.store(), &first).await.expect("a lease that is another's is left alone");
    assert_eq!(taken("a").await, None);
    lease::give_back(lab.store(), &second).await.expect("given back");
    assert!(taken("a").await.is_some_and(|third| third != first), "held again is not the same time of holding it");
}

#[tokio::test]
async fn a_step_of_a_scheduler_that_lost_its_lease_changes_nothing() {
    let (lab, _agent) = prepared().await;
    lab.clock.advance(HOUR);
    let mut watch = Watch::default();
    let old = lease::take(lab.store(), "test", "old", &mut Watch::default()).await.expect("asked").expect("free");
    assert_eq!(lease::take(lab.store(), "test", "new", &mut watch).await.expect("asked"), None);
    let fenced = lab.store().fenced(old);
    let due = ReapTerminated.due(&fenced).await.expect("due");
    assert_eq!(due.len(), 3);
    lab.clock.advance(HOUR);
    lease::take(lab.store(), "test", "new", &mut watch).await.expect("asked").expect("over");
    let before = left(&lab).await;
    for one in due {
        assert!(ReapTerminated.step(&fenced, one).await.is_err());
    }
    assert_eq!(left(&lab).await, before);
}
