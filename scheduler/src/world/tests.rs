//! That the World is the store, whatever was done and by whom; and that whoever asks or is told finds it up to date.

use std::sync::Arc;
use std::time::Duration;

use freehold_proto::aws::ec2;
use sea_orm::{ActiveModelTrait, ConnectionTrait, EntityTrait, IntoActiveModel, PaginatorTrait};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::TryRecvError;

use super::World;
use super::applier::{Following, load};
use crate::lab::{ALICE, Agent, Lab};
use crate::reconcile::{PruneChanges, Reconciler, pass};
use crate::store::entity::change;
use crate::store::tests::{empty_store, open_in};
use crate::store::{Change, Kind, Rows, Store, feed, host, instance};

/// Compares at a moment at which both have come to the same number.
async fn same_as_loaded_anew(store: &Store) {
    for _ in 0..100 {
        store.world().caught_up().await.expect("caught up");
        let (fresh, sequence) = load(store.reader()).await.expect("loaded");
        let rows = store.world().rows();
        if store.world().sequence() == sequence {
            assert!(*rows == fresh, "at {sequence} the World is\n{rows:#?}\nand the store\n{fresh:#?}");
            return;
        }
    }
    panic!("the store never came to rest");
}

/// What a run of the property test draws from: the same seed does the same.
struct Dice(u64);

impl Dice {
    /// SplitMix64. Source: <https://prng.di.unimi.it/splitmix64.c>.
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(sides).expect("small")).expect("small")
    }

    fn one_of(&mut self, from: &[String]) -> Vec<String> {
        if from.is_empty() { Vec::new() } else { vec![from[self.roll(from.len())].clone()] }
    }
}

fn tags(dice: &mut Dice) -> Vec<ec2::Tag> {
    (0..=dice.roll(3)).map(|n| ec2::Tag { key: Some(format!("k {n}")), value: Some(dice.roll(9).to_string()) }).collect()
}

/// One thing that somebody does. What is refused is as good as what is done.
async fn act(lab: &Lab, dice: &mut Dice, instances: &mut Vec<String>) {
    let chosen = dice.one_of(instances);
    match dice.roll(12) {
        0..=2 => {
            let specification = ec2::TagSpecification { resource_type: Some("instance".into()), tags: tags(dice) };
            let max_count = i32::try_from(1 + dice.roll(3)).expect("small");
            let request = ec2::RunInstancesRequest { max_count, tag_specifications: vec![specification], ..lab.launch() };
            if let Ok(made) = lab.call(ALICE, request).await {
                instances.extend(made.instances.into_iter().filter_map(|instance| instance.instance_id));
            }
        }
        3 => _ = lab.call(ALICE, ec2::StopInstancesRequest { instance_ids: chosen, ..Default::default() }).await,
        4 => _ = lab.call(ALICE, ec2::StartInstancesRequest { instance_ids: chosen, ..Default::default() }).await,
        5 => _ = lab.call(ALICE, ec2::TerminateInstancesRequest { instance_ids: chosen, ..Default::default() }).await,
        6 => _ = lab.call(ALICE, ec2::CreateTagsRequest { resources: chosen, tags: tags(dice), ..Default::default() }).await,
        7 => _ = lab.call(ALICE, ec2::DeleteTagsRequest { resources: chosen, tags: tags(dice), ..Default::default() }).await,
        8 => {
            let public_key_material = crate::ec2::tests::PUBLIC_KEY.to_vec();
            let key_name = dice.roll(4).to_string();
            _ = lab.call(ALICE, ec2::ImportKeyPairRequest { key_name, public_key_material, ..Default::default() }).await;
        }
        9 => _ = lab.call(ALICE, ec2::DeleteKeyPairRequest { key_name: Some(dice.roll(4).to_string()), ..Default::default() }).await,
        10 => {
            let (group_name, port) = (Some("default".into()), i32::try_from(dice.roll(5)).expect("small"));
            let request = ec2::AuthorizeSecurityGroupIngressRequest {
                group_name,
                ip_protocol: Some("tcp".into()),
                from_port: Some(port),
                to_port: Some(port),
                cidr_ip: Some("10.0.0.0/8".into()),
                ..Default::default()
            };
            _ = lab.call(ALICE, request).await;
        }
        _ => by_hand(lab, dice).await,
    }
}

/// Somebody at the database's own prompt, who has never heard of a feed.
async fn by_hand(lab: &Lab, dice: &mut Dice) {
    let tx = lab.store().begin("").await.expect("begin");
    let statement = match dice.roll(4) {
        0 => "UPDATE host SET hostname = hostname || 'x'",
        1 => "DELETE FROM tag WHERE value = '3'",
        2 => "UPDATE tag SET resource_id = resource_id || '0' WHERE value = '4'",
        _ => "UPDATE private_address SET is_primary = NOT is_primary",
    };
    tx.db().execute_unprepared(statement).await.expect(statement);
    tx.commit().await.expect("commit");
}

#[tokio::test]
async fn the_world_is_the_store_whatever_was_done() {
    for seed in 1..=4 {
        println!("seed {seed}");
        let lab = Lab::new().await;
        let _agent = Agent::obedient(&lab).await;
        let (mut dice, mut instances) = (Dice(seed), Vec::new());
        for _ in 0..40 {
            act(&lab, &mut dice, &mut instances).await;
            same_as_loaded_anew(lab.store()).await;
        }
        assert!(!instances.is_empty(), "nothing was done");
    }
}

fn a_host(host_id: &str) -> host::Model {
    host::Model {
        host_id: host_id.into(),
        hostname: "h".into(),
        availability_zone: "us-east-1a".into(),
        vcpus: 1,
        memory_mib: 1,
        disk_mib: 1,
        drivers: "[]".into(),
        version: String::new(),
        connected: false,
        attended_by: None,
        last_seen: 0,
        quarantined: "[]".into(),
        drained_since: None,
        instances: 0,
        vcpus_used: 0,
        memory_mib_used: 0,
        disk_mib_used: 0,
        instance_types: None,
        tunnel_address: String::new(),
    }
}

async fn insert_host(store: &Store, host_id: &str) {
    let tx = store.begin("").await.expect("begin");
    a_host(host_id).into_active_model().insert(tx.db()).await.expect("insert");
    tx.commit().await.expect("commit");
}

#[tokio::test]
async fn a_query_finds_what_was_committed_before_it_by_whomever() {
    let (ground, store) = empty_store().await;
    let other = open_in(&ground).await;
    for number in 0..20 {
        let host_id = format!("host-{number}");
        insert_host(&store, &host_id).await;
        let there = |store: &Store| store.world().rows().hosts.one(&host_id).is_some();
        store.world().caught_up().await.expect("caught up");
        assert!(there(&store), "its own process does not see {host_id}");
        // A file has one process.
        if ground.database().is_some() {
            other.world().caught_up().await.expect("caught up");
            assert!(there(&other), "another scheduler does not see {host_id}");
        }
    }
}

#[tokio::test]
async fn whoever_is_told_finds_it_in_the_world_and_nobody_is_told_of_what_was_rolled_back() {
    let (_ground, store) = empty_store().await;
    let mut changes = store.follow();
    let undone = store.begin("").await.expect("begin");
    a_host("host-undone").into_active_model().insert(undone.db()).await.expect("insert");
    undone.rollback().await.expect("rolled back");
    insert_host(&store, "host-1").await;
    assert_eq!(changes.recv().await.expect("told"), Change { kind: Kind::Host, id: "host-1".into() });
    assert!(store.world().rows().hosts.one("host-1").is_some());
}

/// A follower of its own, which moves when it is told to.
async fn still(store: &Store) -> (Following, broadcast::Receiver<Change>) {
    let (rows, sequence) = load(store.reader()).await.expect("loaded");
    let (changes, told) = broadcast::channel(crate::store::CHANGES_KEPT);
    (
        Following {
            db: store.reader().clone(),
            changes,
            world: Arc::new(World::new(rows, sequence, false)),
            patience: Duration::from_secs(5),
        },
        told,
    )
}

#[tokio::test]
async fn who_fell_behind_what_is_kept_begins_anew_and_says_so() {
    let (_ground, store) = empty_store().await;
    insert_host(&store, "host-0").await;
    let (behind, mut told) = still(&store).await;
    let (current, mut told_all) = still(&store).await;
    for host_id in ["host-1", "host-2", "host-3"] {
        insert_host(&store, host_id).await;
        current.round().await.expect("a round");
    }
    let tx = store.begin("").await.expect("begin");
    let head = feed::head(tx.db()).await.expect("a head");
    feed::prune(tx.db(), head - 1).await.expect("pruned");
    tx.commit().await.expect("commit");
    for following in [&behind, &current] {
        following.round().await.expect("a round");
        let (fresh, _) = load(store.reader()).await.expect("loaded");
        assert!(*following.world.rows() == fresh);
        assert_eq!(following.world.sequence(), head);
    }
    assert!(matches!(told.try_recv(), Err(TryRecvError::Lagged(_))), "its followers must look at everything");
    assert_eq!(told_all.try_recv().expect("told").id, "host-1");
}

#[tokio::test]
async fn numbers_are_in_the_order_of_commits_also_of_who_takes_no_turn() {
    use sea_orm::TransactionTrait;
    let (ground, store) = empty_store().await;
    let hand = crate::store::connect_writer(&ground.place()).await.expect("a connection");
    let first = hand.begin().await.expect("begin");
    a_host("host-first").into_active_model().insert(&first).await.expect("insert");
    // It has drawn its number. Whoever would draw the next one waits until this one can be seen.
    let mut second = Box::pin(insert_host(&store, "host-second"));
    assert!(tokio::time::timeout(Duration::from_millis(300), &mut second).await.is_err(), "a later number was committed first");
    let (following, _told) = still(&store).await;
    first.commit().await.expect("commit");
    second.await;
    following.round().await.expect("a round");
    let rows = change::Entity::find().all(store.reader()).await.expect("the feed");
    let order: Vec<&str> = rows.iter().filter(|row| row.kind == "host").map(|row| row.id.as_str()).collect();
    assert_eq!(order, ["host-first", "host-second"]);
    assert_eq!(following.world.rows().hosts.values().count(), 2);
}

async fn kept(store: &Store) -> u64 {
    change::Entity::find().count(store.reader()).await.expect("a count")
}

#[tokio::test]
async fn changes_go_after_an_hour_but_the_newest_and_pruning_twice_changes_nothing() {
    let lab = Lab::new().await;
    let hour = Duration::from_millis(u64::try_from(feed::KEPT_MILLIS).expect("positive"));
    lab.ok(lab_tag(&lab)).await;
    let mut tx = lab.store().begin("").await.expect("begin");
    tx.changed(Kind::Host, "stamped");
    tx.commit().await.expect("commit");
    let all = kept(lab.store()).await;
    lab.clock.advance(hour.saturating_sub(Duration::from_millis(1)));
    assert_eq!((pass(&PruneChanges, lab.store()).await.expect("a pass"), kept(lab.store()).await), (0, all), "a millisecond early");
    lab.clock.advance(Duration::from_millis(1));
    let due = PruneChanges.due(lab.store()).await.expect("due");
    // The process dies before its step.
    let lab = lab.crash().await;
    assert_eq!(pass(&PruneChanges, lab.store()).await.expect("a pass"), 1);
    // The scheduler that came after has written too: its change is the newest.
    let left = kept(lab.store()).await;
    assert!((1..all).contains(&left), "{left} of {all}");
    for one in due {
        PruneChanges.step(lab.store(), one).await.expect("a step that was done already");
    }
    assert_eq!(pass(&PruneChanges, lab.store()).await.expect("a pass"), 0);
    assert_eq!(kept(lab.store()).await, left);
    same_as_loaded_anew(lab.store()).await;
}

fn lab_tag(lab: &Lab) -> ec2::CreateTagsRequest {
    let tags = vec![ec2::Tag { key: Some("a".into()), value: None }];
    ec2::CreateTagsRequest { resources: vec![lab.image_id.clone()], tags, ..Default::default() }
}

#[tokio::test]
async fn a_page_follows_the_page_before_through_the_whole_world() {
    let lab = Lab::new().await;
    let _agent = Agent::silent(&lab).await;
    lab.ok(ec2::RunInstancesRequest { min_count: 12, max_count: 12, instance_type: Some("t3.nano".into()), ..lab.launch() }).await;
    let (mut seen, mut next_token) = (Vec::new(), None);
    loop {
        let page = lab.ok(ec2::DescribeInstancesRequest { max_results: Some(5), next_token, ..Default::default() }).await;
        seen.extend(page.reservations.into_iter().flat_map(|reservation| reservation.instances).filter_map(|shown| shown.instance_id));
        next_token = page.next_token;
        if next_token.is_none() {
            break;
        }
    }
    let mut all: Vec<String> =
        instance::Entity::find().all(lab.store().reader()).await.expect("rows").into_iter().map(|row| row.instance_id).collect();
    all.sort();
    assert_eq!(seen, all);
}

#[tokio::test]
async fn a_store_that_can_not_be_asked_makes_a_query_unavailable_and_not_wrong() {
    // Nobody applies to this one.
    let world = World::new(Rows::default(), 0, true);
    let fault = world.caught_up_within(Duration::from_millis(1)).await.expect_err("it has not caught up");
    assert_eq!(fault.code, freehold_proto::ErrorCode::Unavailable);
}

#[tokio::test]
async fn a_store_out_of_reach_is_noticed_and_so_is_its_return() {
    let (_ground, store) = empty_store().await;
    let lost = Following { patience: Duration::ZERO, ..still(&store).await.0 };
    let (world, db) = (Arc::clone(&lost.world), lost.db.clone());
    let mut reached = world.reached();
    assert!(*reached.borrow_and_update());
    // Its tables are gone, for it.
    db.execute_unprepared("ALTER TABLE change RENAME TO elsewhere").await.expect("renamed");
    let running = tokio::spawn(lost.run());
    reached.wait_for(|reached| !reached).await.expect("a World");
    db.execute_unprepared("ALTER TABLE elsewhere RENAME TO change").await.expect("renamed");
    reached.wait_for(|reached| *reached).await.expect("a World");
    running.abort();
}
