//! What is kept, for how long, and what ends it.

use super::*;
use crate::sigv4::signer::{KEY, noon};
use crate::tests::fake::{ControlPlane, until};
use freehold_proto::ErrorCode;
use freehold_proto::clock::ManualClock;

struct Fixture {
    plane: ControlPlane,
    clock: ManualClock,
    keys: Arc<DayKeys>,
}

/// Following, under a lease that outlasts the test.
async fn fixture(bounds: DayKeyCache) -> Fixture {
    let fixture = alone(bounds);
    fixture.plane.lease(Duration::from_hours(24));
    let keys = Arc::clone(&fixture.keys);
    tokio::spawn(async move { keys.follow().await });
    until("it follows", || fixture.keys.lease.holds(fixture.clock.now())).await;
    fixture
}

/// Hearing of no change.
fn alone(bounds: DayKeyCache) -> Fixture {
    let (plane, clock) = (ControlPlane::default(), ManualClock::at(noon()));
    let keys = Arc::new(DayKeys::new(plane.backend(), Arc::new(clock.clone()), bounds));
    Fixture { plane, clock, keys }
}

fn scope(access_key_id: &str) -> Scope {
    Scope { access_key_id: access_key_id.into(), date: "20260102".into(), region: "us-east-1".into(), service: "ec2".into() }
}

#[tokio::test]
async fn many_who_need_one_key_ask_once() {
    let Fixture { plane, keys, .. } = fixture(DayKeyCache::default()).await;
    plane.hold();
    let asking: Vec<_> = (0..20)
        .map(|_| {
            tokio::spawn({
                let keys = keys.clone();
                async move { keys.get(&scope(KEY)).await }
            })
        })
        .collect();
    until("one asks", || plane.waiting() == 1).await;
    plane.release();
    for one in asking {
        assert!(one.await.unwrap().unwrap().is_some());
    }
    assert_eq!(plane.keys_asked(), 1);
}

#[tokio::test]
async fn an_answer_is_kept_for_its_time_and_no_longer() {
    for (key, lifetime) in [(KEY, DayKeyCache::default().found), ("AKIDNOBODY", DayKeyCache::default().absent)] {
        let Fixture { plane, clock, keys } = fixture(DayKeyCache::default()).await;
        keys.get(&scope(key)).await.unwrap();
        clock.advance(lifetime.checked_sub(Duration::from_millis(1)).unwrap());
        keys.get(&scope(key)).await.unwrap();
        assert_eq!(plane.keys_asked(), 1, "{key}");
        clock.advance(Duration::from_millis(1));
        keys.get(&scope(key)).await.unwrap();
        assert_eq!(plane.keys_asked(), 2, "{key}");
    }
}

#[tokio::test]
async fn a_key_is_kept_for_its_own_scope_only() {
    let Fixture { plane, keys, .. } = fixture(DayKeyCache::default()).await;
    for service in ["ec2", "sts"] {
        keys.get(&Scope { service: service.into(), ..scope(KEY) }).await.unwrap();
    }
    assert_eq!(plane.keys_asked(), 2);
}

#[tokio::test]
async fn a_control_plane_that_is_gone_is_asked_again_as_soon_as_it_can_be_back() {
    let Fixture { plane, clock, keys } = fixture(DayKeyCache::default()).await;
    plane.go_down(true);
    assert_eq!(keys.get(&scope(KEY)).await.unwrap_err().code, ErrorCode::Unavailable);
    plane.go_down(false);
    assert_eq!(keys.get(&scope(KEY)).await.unwrap_err().code, ErrorCode::Unavailable, "those who waited do not queue up");
    clock.advance(FAILED);
    assert!(keys.get(&scope(KEY)).await.unwrap().is_some());
}

#[tokio::test]
async fn who_stops_waiting_leaves_the_question_to_the_next() {
    let Fixture { plane, keys, .. } = fixture(DayKeyCache::default()).await;
    plane.hold();
    let first = tokio::spawn({
        let keys = keys.clone();
        async move { keys.get(&scope(KEY)).await }
    });
    until("the first asks", || plane.waiting() == 1).await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    plane.release();
    assert!(keys.get(&scope(KEY)).await.unwrap().is_some());
}

#[tokio::test]
async fn a_changed_key_is_dropped_before_that_is_said_and_the_others_stay() {
    let Fixture { plane, keys, .. } = fixture(DayKeyCache::default()).await;
    keys.get(&scope(KEY)).await.unwrap();
    plane.change("AKIDOTHER");
    until("it says so", || plane.dropped() == 1).await;
    keys.get(&scope(KEY)).await.unwrap();
    assert_eq!(plane.keys_asked(), 1, "another key changed");
    plane.disable();
    plane.change(KEY);
    until("it says so", || plane.dropped() == 2).await;
    assert!(keys.get(&scope(KEY)).await.unwrap().is_none());
}

#[tokio::test]
async fn an_answer_that_a_change_overtook_is_asked_for_again() {
    let Fixture { plane, keys, .. } = fixture(DayKeyCache::default()).await;
    plane.hold();
    let asking = tokio::spawn({
        let keys = keys.clone();
        async move { keys.get(&scope(KEY)).await }
    });
    until("it asks", || plane.waiting() == 1).await;
    plane.change(KEY);
    until("it says so", || plane.dropped() == 1).await;
    // The answer under way still says that the key is good.
    plane.release();
    until("it is answered", || plane.keys_asked() == 2).await;
    assert!(asking.await.unwrap().unwrap().is_some());
}

#[tokio::test]
async fn what_is_kept_is_trusted_for_the_lease_and_without_one_every_request_asks() {
    let Fixture { plane, clock, keys } = alone(DayKeyCache::default());
    for asked in 1..=3 {
        assert!(keys.get(&scope(KEY)).await.unwrap().is_some());
        assert_eq!(plane.keys_asked(), asked);
    }
    plane.lease(Duration::from_secs(2));
    let following = tokio::spawn({
        let keys = keys.clone();
        async move { keys.follow().await }
    });
    until("it follows", || keys.lease.holds(clock.now())).await;
    keys.get(&scope(KEY)).await.unwrap();
    following.abort();
    assert!(following.await.unwrap_err().is_cancelled());
    let asked = plane.keys_asked();
    clock.advance(Duration::from_millis(1999));
    keys.get(&scope(KEY)).await.unwrap();
    assert_eq!(plane.keys_asked(), asked, "the lease holds");
    clock.advance(Duration::from_millis(1));
    keys.get(&scope(KEY)).await.unwrap();
    assert_eq!(plane.keys_asked(), asked + 1, "it does not");
}

#[tokio::test]
async fn keys_that_do_not_exist_push_none_out_that_does() {
    let Fixture { plane, keys, .. } = fixture(DayKeyCache { capacity: 8, ..DayKeyCache::default() }).await;
    keys.get(&scope(KEY)).await.unwrap();
    for at in 0..100 {
        keys.get(&scope(&format!("AKIDNOBODY{at}"))).await.unwrap();
        assert!(keys.slots.lock().unwrap().len() <= 8);
    }
    let asked = plane.keys_asked();
    keys.get(&scope(KEY)).await.unwrap();
    assert_eq!(plane.keys_asked(), asked, "the key was still kept");
}
