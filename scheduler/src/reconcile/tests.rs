//! The two standard tests of the reconcilers that only take away: a crash after any step converges, and running twice changes nothing.
//! And what wakes them.

use std::time::Duration;

use freehold_proto::Caller;
use freehold_proto::aws::ec2;
use futures_util::FutureExt;
use sea_orm::{EntityTrait, PaginatorTrait};

use super::{ForgetClientTokens, ForgetRefusals, ReapTerminated, Reconciler, pass, woken};
use crate::lab::{ALICE, Agent, Lab, eventually};
use crate::placement::Amount;
use crate::placement::reasons::{Others, Refused, Wanted};
use crate::store::{Kind, client_token, instance, placement, refused_placement, reservation, tag};

/// Three instances that have just been terminated, launched under tokens and tagged; and three requests that found no place.
async fn prepared() -> Lab {
    let lab = Lab::new().await;
    let _agent = Agent::obedient(&lab).await;
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
        let wanted = Wanted::new("1 t3.micro".into(), Amount::default(), "x86_64", Vec::new());
        let caller = Caller {
            account_id: ALICE.into(),
            principal_arn: String::new(),
            user_id: String::new(),
            request_id: format!("request-{token}"),
        };
        Refused { wanted, others: Others::default() }.keep(lab.store(), "RunInstances", &caller).await.expect("kept");
    }
    lab
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

async fn crash_after_any_step_converges<R: Reconciler>(reconciler: R, wait: Duration, end: [u64; 6]) {
    for steps in 0..=3 {
        let lab = prepared().await;
        lab.clock.advance(wait);
        for one in reconciler.due(lab.store()).await.expect("due").into_iter().take(steps) {
            reconciler.step(lab.store(), one).await.expect("a step");
        }
        let lab = lab.crash().await;
        assert_eq!(pass(&reconciler, lab.store()).await.expect("a pass"), 3 - steps);
        assert_eq!(left(&lab).await, end);
    }
}

async fn running_twice_changes_nothing<R: Reconciler>(reconciler: R, wait: Duration) {
    let lab = prepared().await;
    let early = left(&lab).await;
    lab.clock.advance(wait.saturating_sub(Duration::from_millis(1)));
    assert_eq!(pass(&reconciler, lab.store()).await.expect("a pass"), 0);
    assert_eq!(left(&lab).await, early, "nothing is due a millisecond early");
    lab.clock.advance(Duration::from_millis(1));
    let due = reconciler.due(lab.store()).await.expect("due");
    assert_eq!(pass(&reconciler, lab.store()).await.expect("a pass"), 3);
    let once = left(&lab).await;
    for one in due {
        reconciler.step(lab.store(), one).await.expect("a step that was done already");
    }
    assert_eq!(pass(&reconciler, lab.store()).await.expect("a pass"), 0);
    assert_eq!(left(&lab).await, once);
}

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

#[tokio::test]
async fn terminated_instances_go_after_an_hour_whatever_crashes() {
    crash_after_any_step_converges(ReapTerminated, HOUR, [0, 0, 0, 3, 0, 3]).await;
}

#[tokio::test]
async fn reaping_twice_changes_nothing() {
    running_twice_changes_nothing(ReapTerminated, HOUR).await;
}

#[tokio::test]
async fn client_tokens_go_after_a_day_whatever_crashes() {
    crash_after_any_step_converges(ForgetClientTokens, DAY, [3, 3, 3, 0, 3, 3]).await;
}

#[tokio::test]
async fn forgetting_tokens_twice_changes_nothing() {
    running_twice_changes_nothing(ForgetClientTokens, DAY).await;
}

#[tokio::test]
async fn refusals_go_after_a_day_whatever_crashes() {
    crash_after_any_step_converges(ForgetRefusals, DAY, [3, 3, 3, 3, 3, 0]).await;
}

#[tokio::test]
async fn forgetting_refusals_twice_changes_nothing() {
    running_twice_changes_nothing(ForgetRefusals, DAY).await;
}

async fn change_something(lab: &Lab) {
    let mut tx = lab.store().begin("").await.expect("begin");
    tx.changed(Kind::Host, "somebody");
    tx.commit().await.expect("commit");
}

#[tokio::test]
async fn a_change_wakes_and_so_do_changes_that_were_missed_but_once() {
    let lab = Lab::new().await;
    let mut changes = lab.store().follow();
    assert!(woken(&mut changes).now_or_never().is_none(), "nothing changed");
    change_something(&lab).await;
    assert!(woken(&mut changes).now_or_never().is_some());
    let mut tx = lab.store().begin("").await.expect("begin");
    for number in 0..4200 {
        tx.changed(Kind::Host, number.to_string());
    }
    tx.commit().await.expect("commit");
    assert!(woken(&mut changes).now_or_never().is_some(), "more were missed than are kept");
    changes = changes.resubscribe();
    assert!(woken(&mut changes).now_or_never().is_none());
}

#[tokio::test]
async fn what_is_due_is_done_at_the_next_change_and_not_only_by_the_timer() {
    let lab = prepared().await;
    lab.clock.advance(HOUR);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(super::run(std::sync::Arc::clone(lab.store()), async { _ = stopped.await }));
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
