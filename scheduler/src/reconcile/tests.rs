//! The two standard tests of every reconciler: a crash after any step converges, and running twice changes nothing.

use std::time::Duration;

use freehold_proto::aws::ec2;
use sea_orm::{EntityTrait, PaginatorTrait};

use super::{ForgetClientTokens, ReapTerminated, Reconciler, pass};
use crate::lab::{Agent, Lab};
use crate::store::{client_token, instance, reservation, tag};

/// Three instances that have just been terminated, launched under tokens and tagged.
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
    }
    lab
}

/// What the reconcilers are there to take away.
async fn left(lab: &Lab) -> [u64; 4] {
    let db = lab.store().reader();
    [
        instance::Entity::find().count(db).await.expect("a count"),
        reservation::Entity::find().count(db).await.expect("a count"),
        tag::Entity::find().count(db).await.expect("a count"),
        client_token::Entity::find().count(db).await.expect("a count"),
    ]
}

async fn crash_after_any_step_converges<R: Reconciler>(reconciler: R, wait: Duration, end: [u64; 4]) {
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
    crash_after_any_step_converges(ReapTerminated, HOUR, [0, 0, 0, 3]).await;
}

#[tokio::test]
async fn reaping_twice_changes_nothing() {
    running_twice_changes_nothing(ReapTerminated, HOUR).await;
}

#[tokio::test]
async fn client_tokens_go_after_a_day_whatever_crashes() {
    crash_after_any_step_converges(ForgetClientTokens, DAY, [3, 3, 3, 0]).await;
}

#[tokio::test]
async fn forgetting_tokens_twice_changes_nothing() {
    running_twice_changes_nothing(ForgetClientTokens, DAY).await;
}
