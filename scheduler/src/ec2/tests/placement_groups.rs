//! Placement groups: what a group promises is what its instances' hosts are.

use std::collections::BTreeSet;

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;
use sea_orm::EntityTrait;

use crate::lab::{ALICE, Agent, BOB, Lab};
use crate::store::instance;

async fn group(lab: &Lab, name: &str, strategy: &str, partition_count: Option<i32>) -> ec2::PlacementGroup {
    let request = ec2::CreatePlacementGroupRequest {
        group_name: Some(name.into()),
        strategy: Some(strategy.into()),
        partition_count,
        ..Default::default()
    };
    lab.ok(request).await.placement_group.expect("a group")
}

fn launch(lab: &Lab, name: &str, kind: &str, count: i32, partition_number: Option<i32>) -> ec2::RunInstancesRequest {
    let placement = ec2::Placement { group_name: Some(name.into()), partition_number, ..Default::default() };
    ec2::RunInstancesRequest {
        placement: Some(placement),
        instance_type: Some(kind.into()),
        min_count: count,
        max_count: count,
        ..lab.launch()
    }
}

async fn row(lab: &Lab, id: &str) -> instance::Model {
    instance::Entity::find_by_id(id).one(lab.store().reader()).await.expect("rows").expect("a row")
}

/// Host and partition of each instance that was launched.
async fn places(lab: &Lab, launched: &ec2::Reservation) -> Vec<(String, Option<i32>)> {
    let mut places = Vec::new();
    for id in launched.instances.iter().filter_map(|instance| instance.instance_id.as_deref()) {
        let row = row(lab, id).await;
        places.push((row.host_id.expect("a host"), row.partition_number));
    }
    places
}

fn id_of(launched: &ec2::Reservation) -> String {
    launched.instances[0].instance_id.clone().expect("an id")
}

fn distinct<T: Ord>(all: impl IntoIterator<Item = T>) -> usize {
    all.into_iter().collect::<BTreeSet<T>>().len()
}

#[tokio::test]
async fn spread_instances_never_share_a_host_until_one_has_ended() {
    let lab = Lab::new().await;
    let _agents = [Agent::obedient(&lab).await, Agent::obedient(&lab).await, Agent::obedient(&lab).await];
    group(&lab, "apart", "spread", None).await;
    let launched = lab.ok(launch(&lab, "apart", "t3.nano", 2, None)).await;
    assert_eq!(distinct(places(&lab, &launched).await), 2);
    assert_eq!(lab.code(launch(&lab, "apart", "t3.nano", 2, None)).await, ErrorCode::InsufficientInstanceCapacity);
    let third = lab.ok(launch(&lab, "apart", "t3.nano", 1, None)).await;
    assert_eq!(lab.code(launch(&lab, "apart", "t3.nano", 1, None)).await, ErrorCode::InsufficientInstanceCapacity);
    // Another group's are none of its business.
    group(&lab, "others", "spread", None).await;
    lab.ok(launch(&lab, "others", "t3.nano", 3, None)).await;
    let id = id_of(&third);
    lab.terminate(&id).await;
    lab.until_state(&id, "terminated").await;
    let fourth = lab.ok(launch(&lab, "apart", "t3.nano", 1, None)).await;
    assert_eq!(row(&lab, &id_of(&fourth)).await.host_id, row(&lab, &id).await.host_id);
}

#[tokio::test]
async fn partitions_never_share_a_host_and_an_instance_says_its_own() {
    let lab = Lab::new().await;
    let _agents = [Agent::obedient(&lab).await, Agent::obedient(&lab).await];
    group(&lab, "parts", "partition", Some(2)).await;
    let launched = lab.ok(launch(&lab, "parts", "t3.nano", 4, None)).await;
    let places = places(&lab, &launched).await;
    assert_eq!((distinct(places.iter().map(|(_, number)| number)), distinct(&places)), (2, 2), "{places:?}");
    let named = lab.ok(launch(&lab, "parts", "t3.nano", 1, Some(2))).await;
    let placement = lab.instance(&id_of(&named)).await.placement.expect("a placement");
    assert_eq!((placement.group_name.as_deref(), placement.partition_number), (Some("parts"), Some(2)));
    for (name, number, code) in [
        ("parts", 3, ErrorCode::InvalidParameterValue),
        ("parts", 0, ErrorCode::InvalidParameterValue),
        ("", 1, ErrorCode::InvalidParameterCombination),
    ] {
        assert_eq!(lab.code(launch(&lab, name, "t3.nano", 1, Some(number))).await, code, "{name} {number}");
    }
    group(&lab, "apart", "spread", None).await;
    assert_eq!(lab.code(launch(&lab, "apart", "t3.nano", 1, Some(1))).await, ErrorCode::InvalidParameterCombination);
}

#[tokio::test]
async fn a_cluster_shares_hosts_and_takes_no_burstable_type() {
    let lab = Lab::new().await;
    let _agents = [Agent::obedient(&lab).await, Agent::obedient(&lab).await];
    let made = group(&lab, "near", "cluster", None).await;
    let one = lab.ok(launch(&lab, "near", "c5.large", 1, None)).await;
    let by_id = ec2::Placement { group_id: made.group_id.clone(), ..Default::default() };
    let two = lab.ok(ec2::RunInstancesRequest { placement: Some(by_id), ..launch(&lab, "near", "c5.large", 1, None) }).await;
    assert_eq!(row(&lab, &id_of(&one)).await.host_id, row(&lab, &id_of(&two)).await.host_id);
    assert_eq!(lab.code(launch(&lab, "near", "t3.nano", 1, None)).await, ErrorCode::InvalidParameterCombination);
    let both = ec2::Placement { group_id: made.group_id, group_name: Some("near".into()), ..Default::default() };
    let both = ec2::RunInstancesRequest { placement: Some(both), ..launch(&lab, "near", "c5.large", 1, None) };
    assert_eq!(lab.code(both).await, ErrorCode::InvalidParameterCombination);
}

#[tokio::test]
async fn a_stopped_instance_changes_its_group_and_starts_only_where_the_group_lets_it() {
    let lab = Lab::new().await;
    let _agent = Agent::obedient(&lab).await;
    group(&lab, "apart", "spread", None).await;
    lab.ok(launch(&lab, "apart", "t3.nano", 1, None)).await;
    let id = lab.run(lab.launch()).await.instance_id.expect("an id");
    lab.until_state(&id, "running").await;
    let modify = |change: ec2::ModifyInstancePlacementRequest| ec2::ModifyInstancePlacementRequest { instance_id: id.clone(), ..change };
    let into = |name: &str| modify(ec2::ModifyInstancePlacementRequest { group_name: Some(name.into()), ..Default::default() });
    assert_eq!(lab.code(into("apart")).await, ErrorCode::IncorrectInstanceState);
    lab.stop(&id).await;
    lab.until_state(&id, "stopped").await;
    assert_eq!(lab.code(modify(ec2::ModifyInstancePlacementRequest::default())).await, ErrorCode::MissingParameter);
    assert_eq!(lab.code(into("nobody's")).await, ErrorCode::InvalidPlacementGroupUnknown);
    let absent = |id: &str| modify(ec2::ModifyInstancePlacementRequest { group_id: Some(id.into()), ..Default::default() });
    assert_eq!(lab.code(absent("pg-zzz")).await, ErrorCode::InvalidPlacementGroupIdMalformed);
    assert_eq!(lab.code(absent("pg-0123456789abcdef0")).await, ErrorCode::InvalidPlacementGroupUnknown);
    let alone = modify(ec2::ModifyInstancePlacementRequest { partition_number: Some(1), ..Default::default() });
    assert_eq!(lab.code(alone).await, ErrorCode::InvalidParameterCombination);
    lab.ok(into("apart")).await;
    let start = || ec2::StartInstancesRequest { instance_ids: vec![id.clone()], ..Default::default() };
    assert_eq!(lab.code(start()).await, ErrorCode::InsufficientInstanceCapacity);
    lab.ok(into("")).await;
    assert_eq!(lab.instance(&id).await.placement.and_then(|placement| placement.group_name).as_deref(), Some(""));
    group(&lab, "parts", "partition", None).await;
    let parts = ec2::ModifyInstancePlacementRequest { partition_number: Some(2), ..into("parts") };
    lab.ok(parts).await;
    assert_eq!(row(&lab, &id).await.partition_number, Some(2));
    assert_eq!(
        lab.code(ec2::ModifyInstancePlacementRequest { partition_number: Some(3), ..into("parts") }).await,
        ErrorCode::InvalidParameterValue
    );
    lab.ok(start()).await;
    lab.until_state(&id, "running").await;
    for (bad, code) in [("i-zzz", ErrorCode::InvalidInstanceIdMalformed), ("i-0123456789abcdef0", ErrorCode::InvalidInstanceIdNotFound)] {
        assert_eq!(lab.code(ec2::ModifyInstancePlacementRequest { instance_id: bad.into(), ..into("parts") }).await, code);
    }
}

#[tokio::test]
async fn a_group_is_its_accounts_and_stays_while_something_is_in_it() {
    let lab = Lab::new().await;
    let _agent = Agent::obedient(&lab).await;
    let made = group(&lab, "mine", "spread", None).await;
    let delete = || ec2::DeletePlacementGroupRequest { group_name: "mine".into(), dry_run: None };
    let of_bob = lab.call(BOB, delete()).await.map(drop).expect_err("another's").code;
    assert_eq!(of_bob, ErrorCode::InvalidPlacementGroupUnknown);
    let by_id = ec2::DescribePlacementGroupsRequest { group_ids: made.group_id.into_iter().collect(), ..Default::default() };
    assert_eq!(lab.call(BOB, by_id.clone()).await.map(drop).expect_err("another's").code, ErrorCode::InvalidPlacementGroupUnknown);
    assert_eq!(lab.call(ALICE, by_id).await.expect("her own").placement_groups.len(), 1);
    let id = id_of(&lab.ok(launch(&lab, "mine", "t3.nano", 1, None)).await);
    assert_eq!(lab.code(delete()).await, ErrorCode::InvalidPlacementGroupInUse);
    lab.terminate(&id).await;
    lab.until_state(&id, "terminated").await;
    lab.ok(delete()).await;
    // What has ended is shown for a while, its group or not.
    assert_eq!(lab.instance(&id).await.placement.and_then(|placement| placement.group_name).as_deref(), Some(""));
    assert_eq!(lab.code(launch(&lab, "mine", "t3.nano", 1, None)).await, ErrorCode::InvalidPlacementGroupUnknown);
}
