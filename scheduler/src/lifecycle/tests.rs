//! An instance's life, from client to agent and back, over a real store and the real stream.

use std::collections::BTreeMap;

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;
use freehold_proto::internal::host::{
    Buried, GuestState, InstanceObserved, PowerState, ResourceKind, SecurityGroupDesired, from_agent, to_agent,
};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter};

use crate::lab::{ALICE, Agent, BOB, Lab, as_desired};
use crate::lifecycle::terminate::kind;
use crate::store::{instance, network_interface, private_address, public_address, security_group, tombstone, volume};

fn ids(id: &str) -> Vec<String> {
    vec![id.to_owned()]
}

async fn launched(lab: &Lab, behavior: &str) -> String {
    let request = ec2::RunInstancesRequest { instance_initiated_shutdown_behavior: Some(behavior.into()), ..lab.launch() };
    lab.run(request).await.instance_id.expect("an id")
}

#[tokio::test]
async fn stop_and_start_keep_disk_and_private_address_and_give_another_public_one() {
    let lab = Lab::new().await;
    let agent = Agent::obedient(&lab).await;
    let id = launched(&lab, "stop").await;
    lab.until_state(&id, "running").await;
    let before = lab.instance(&id).await;
    assert_eq!(before.state_reason, None);
    lab.stop(&id).await;
    lab.until_state(&id, "stopped").await;
    let stopped = lab.instance(&id).await;
    assert_eq!(stopped.public_ip_address, None);
    assert_eq!(stopped.network_interfaces[0].association, None);
    assert_eq!(stopped.state_reason.and_then(|reason| reason.code).as_deref(), Some("Client.UserInitiatedShutdown"));
    assert_eq!(stopped.state_transition_reason.as_deref(), Some("User initiated (2026-01-02 03:04:05 GMT)"));
    lab.start(&id).await;
    lab.until_state(&id, "running").await;
    let after = lab.instance(&id).await;
    assert_eq!(after.private_ip_address, before.private_ip_address);
    assert_eq!(after.block_device_mappings, before.block_device_mappings);
    assert!(after.public_ip_address.is_some());
    assert_eq!((after.state_reason, after.state_transition_reason.as_deref()), (None, Some("")));
    assert_eq!(agent.told().instances[&id].start_count, 2);
}

#[tokio::test]
async fn terminate_leaves_nothing_but_a_row_that_is_seen_for_a_while() {
    let lab = Lab::new().await;
    let agent = Agent::obedient(&lab).await;
    let id = launched(&lab, "stop").await;
    lab.until_state(&id, "running").await;
    lab.terminate(&id).await;
    lab.until_state(&id, "terminated").await;
    let gone = lab.instance(&id).await;
    assert_eq!((gone.private_ip_address, gone.network_interfaces.len(), gone.block_device_mappings.len()), (None, 0, 0));
    let db = lab.store().reader();
    assert_eq!(network_interface::Entity::find().count(db).await.expect("a count"), 0);
    assert_eq!(private_address::Entity::find().count(db).await.expect("a count"), 0);
    assert_eq!(public_address::Entity::find().count(db).await.expect("a count"), 0);
    assert_eq!(volume::Entity::find().count(db).await.expect("a count"), 0);
    lab.terminate(&id).await;
    // The last instance took its network with it.
    crate::lab::eventually("no tombstone stands", async || tombstone::Entity::find().count(db).await.expect("a count") == 0).await;
    assert!(agent.told().tombstones.iter().any(|tombstone| tombstone.kind() == ResourceKind::Vpc));
    // And a new one brings it back, newer than what was buried.
    let told = agent.told();
    let again = launched(&lab, "stop").await;
    lab.until_state(&again, "running").await;
    assert!(agent.told().vpcs.values().all(|vpc| vpc.generation >= told.vpcs[&vpc.vpc_id].generation));
}

#[tokio::test]
async fn addresses_and_disk_stay_taken_until_the_host_has_buried_the_guest() {
    let lab = Lab::new().await;
    let agent = Agent::silent(&lab).await;
    let id = launched(&lab, "stop").await;
    agent.until_told("the instance", |told| told.instances.contains_key(&id)).await;
    lab.terminate(&id).await;
    let told = agent.until_told("the tombstone", |told| !told.tombstones.is_empty()).await;
    assert_eq!(lab.state(&id).await, "shutting-down");
    assert_eq!(private_address::Entity::find().count(lab.store().reader()).await.expect("a count"), 1);
    let order = &told.tombstones[0];
    let buried = |generation| from_agent::Kind::Buried(Buried { kind: order.kind, id: id.clone(), generation });
    agent.say(buried(order.generation - 1)).await;
    agent.say(buried(order.generation)).await;
    lab.until_state(&id, "terminated").await;
}

#[tokio::test]
async fn a_guest_that_powers_itself_off_goes_where_its_behaviour_says() {
    let lab = Lab::new().await;
    let agent = Agent::silent(&lab).await;
    for (behavior, state, power) in [("stop", "stopped", Some(PowerState::Stopped)), ("terminate", "shutting-down", None)] {
        let id = launched(&lab, behavior).await;
        let told = agent.until_told("the instance", |told| told.instances.contains_key(&id)).await;
        let running = as_desired(&told.instances[&id]);
        agent.report(running.clone()).await;
        lab.until_state(&id, "running").await;
        agent.report(InstanceObserved { state: GuestState::Stopped.into(), guest_initiated_shutdown: true, ..running.clone() }).await;
        lab.until_state(&id, state).await;
        let reason = lab.instance(&id).await.state_reason.and_then(|reason| reason.code);
        assert_eq!(reason.as_deref(), Some("Client.InstanceInitiatedShutdown"));
        match power {
            Some(power) => {
                agent.until_told("its new power", |told| told.instances[&id].power() == power).await;
            }
            None => {
                agent.until_told("a tombstone", |told| told.tombstones.iter().any(|tombstone| tombstone.id == id)).await;
            }
        }
    }
}

#[tokio::test]
async fn a_late_report_about_an_older_generation_moves_nothing() {
    let lab = Lab::new().await;
    let agent = Agent::silent(&lab).await;
    let id = launched(&lab, "stop").await;
    let told = agent.until_told("the instance", |told| told.instances.contains_key(&id)).await;
    let running = as_desired(&told.instances[&id]);
    agent.report(running.clone()).await;
    lab.until_state(&id, "running").await;
    lab.stop(&id).await;
    let stopping = agent.until_told("the stop", |told| told.instances[&id].power() == PowerState::Stopped).await;
    agent.report(as_desired(&stopping.instances[&id])).await;
    lab.until_state(&id, "stopped").await;
    lab.start(&id).await;
    agent.report(running.clone()).await;
    agent.report(InstanceObserved { generation: 99, ..running }).await;
    // Reports are applied in order: once this one about nobody's instance is in, the others have been.
    let unknown =
        InstanceObserved { instance_id: "i-0123456789abcdef0".into(), state: GuestState::Quarantined.into(), ..Default::default() };
    agent.report(unknown).await;
    crate::lab::eventually("the last report is in", async || {
        crate::operator::hosts(lab.store()).await.expect("hosts")[0].quarantined == ["i-0123456789abcdef0"]
    })
    .await;
    assert_eq!(lab.state(&id).await, "pending");
}

#[tokio::test]
async fn a_volume_that_outlives_its_instance_is_available_and_attached_to_nothing() {
    let lab = Lab::new().await;
    let agent = Agent::obedient(&lab).await;
    let kept = ec2::EbsBlockDevice { delete_on_termination: Some(false), ..Default::default() };
    let mapping = ec2::BlockDeviceMapping { device_name: Some("/dev/xvda".into()), ebs: Some(kept), ..Default::default() };
    let launch = ec2::RunInstancesRequest { block_device_mappings: vec![mapping], ..lab.launch() };
    let id = lab.run(launch).await.instance_id.expect("an id");
    lab.until_state(&id, "running").await;
    assert!(!agent.told().instances[&id].volumes[0].delete_on_termination, "the host knows before it is told to bury");
    let volumes = async || lab.ok(ec2::DescribeVolumesRequest::default()).await.volumes;
    let before = volumes().await;
    assert_eq!((before[0].state.as_deref(), before[0].attachments.len()), (Some("in-use"), 1));
    lab.terminate(&id).await;
    lab.until_state(&id, "terminated").await;
    let after = volumes().await;
    let available = ec2::Volume { state: Some("available".into()), attachments: Vec::new(), ..before[0].clone() };
    assert_eq!(after, [available]);
    let by_status = vec![ec2::Filter { name: Some("status".into()), values: vec!["available".into()] }];
    assert_eq!(lab.ok(ec2::DescribeVolumesRequest { filters: by_status, ..Default::default() }).await.volumes, after);
    let hosts = crate::placement::hosts::load(lab.store().reader()).await.expect("hosts");
    assert_eq!((hosts[0].instances, hosts[0].used.disk_mib), (0, 2048), "its bytes still fill the host");
}

#[tokio::test]
async fn a_reboot_is_counted_and_the_host_is_told_once() {
    let lab = Lab::new().await;
    let agent = Agent::obedient(&lab).await;
    let id = launched(&lab, "stop").await;
    lab.until_state(&id, "running").await;
    lab.ok(ec2::RebootInstancesRequest { instance_ids: vec![id.clone(), id.clone()], dry_run: None }).await;
    let told = agent.until_told("the reboot", |told| told.instances[&id].reboot_count > 0).await;
    assert_eq!(told.instances[&id].reboot_count, 1);
    assert_eq!(lab.state(&id).await, "running");
}

#[tokio::test]
async fn force_also_hardens_a_stop_that_is_under_way() {
    let lab = Lab::new().await;
    let agent = Agent::silent(&lab).await;
    let id = launched(&lab, "stop").await;
    let told = agent.until_told("the instance", |told| told.instances.contains_key(&id)).await;
    agent.report(as_desired(&told.instances[&id])).await;
    lab.until_state(&id, "running").await;
    lab.stop(&id).await;
    let told = agent.until_told("the stop", |told| told.instances[&id].power() == PowerState::Stopped).await;
    assert!(!told.instances[&id].force_stop);
    lab.ok(ec2::StopInstancesRequest { instance_ids: ids(&id), force: Some(true), ..Default::default() }).await;
    agent.until_told("force", |told| told.instances[&id].force_stop).await;
    assert_eq!(lab.state(&id).await, "stopping");
}

#[tokio::test]
async fn what_is_illegal_in_a_state_is_incorrect_instance_state_and_changes_none_of_the_named() {
    let lab = Lab::new().await;
    let _agent = Agent::obedient(&lab).await;
    let (running, gone) = (launched(&lab, "stop").await, launched(&lab, "stop").await);
    for id in [&running, &gone] {
        lab.until_state(id, "running").await;
    }
    lab.terminate(&gone).await;
    lab.until_state(&gone, "terminated").await;
    let both = vec![running.clone(), gone.clone()];
    let stop = ec2::StopInstancesRequest { instance_ids: both, ..Default::default() };
    assert_eq!(lab.code(stop).await, ErrorCode::IncorrectInstanceState);
    assert_eq!(lab.state(&running).await, "running");
    let start = ec2::StartInstancesRequest { instance_ids: ids(&gone), ..Default::default() };
    assert_eq!(lab.code(start).await, ErrorCode::IncorrectInstanceState);
    lab.stop(&running).await;
    lab.until_state(&running, "stopped").await;
    let reboot = ec2::RebootInstancesRequest { instance_ids: ids(&running), dry_run: None };
    assert_eq!(lab.code(reboot).await, ErrorCode::IncorrectInstanceState);
}

#[tokio::test]
async fn malformed_absent_foreign_and_missing_ids_have_their_codes_in_every_action() {
    let lab = Lab::new().await;
    let _agent = Agent::silent(&lab).await;
    let id = launched(&lab, "stop").await;
    macro_rules! codes {
        ($account:expr, $ids:expr) => {
            [
                lab.call($account, ec2::StartInstancesRequest { instance_ids: $ids, ..Default::default() }).await.map(|_| ()),
                lab.call($account, ec2::StopInstancesRequest { instance_ids: $ids, ..Default::default() }).await.map(|_| ()),
                lab.call($account, ec2::RebootInstancesRequest { instance_ids: $ids, ..Default::default() }).await.map(|_| ()),
                lab.call($account, ec2::TerminateInstancesRequest { instance_ids: $ids, ..Default::default() }).await.map(|_| ()),
            ]
            .map(|answer| answer.expect_err("refused").code)
        };
    }
    macro_rules! described {
        ($account:expr, $ids:expr) => {
            [
                lab.call($account, ec2::DescribeInstancesRequest { instance_ids: $ids, ..Default::default() }).await.map(|_| ()),
                lab.call($account, ec2::DescribeInstanceStatusRequest { instance_ids: $ids, ..Default::default() }).await.map(|_| ()),
            ]
            .map(|answer| answer.expect_err("refused").code)
        };
    }
    assert_eq!(codes!(ALICE, Vec::new()), [ErrorCode::MissingParameter; 4]);
    assert_eq!(codes!(ALICE, ids("i-x")), [ErrorCode::InvalidInstanceIdMalformed; 4]);
    assert_eq!(codes!(ALICE, ids("i-0123456789abcdef0")), [ErrorCode::InvalidInstanceIdNotFound; 4]);
    assert_eq!(codes!(BOB, ids(&id)), [ErrorCode::InvalidInstanceIdNotFound; 4]);
    assert_eq!(described!(ALICE, ids("i-x")), [ErrorCode::InvalidInstanceIdMalformed; 2]);
    assert_eq!(described!(BOB, ids(&id)), [ErrorCode::InvalidInstanceIdNotFound; 2]);
    let console = |id: &str| ec2::GetConsoleOutputRequest { instance_id: id.into(), ..Default::default() };
    assert_eq!(lab.code(console("i-x")).await, ErrorCode::InvalidInstanceIdMalformed);
    assert_eq!(lab.call(BOB, console(&id)).await.expect_err("not Bob's").code, ErrorCode::InvalidInstanceIdNotFound);
}

#[tokio::test]
async fn an_instance_starts_only_where_its_disk_is_and_there_is_room() {
    let lab = Lab::new().await;
    let agent = Agent::obedient(&lab).await;
    let id = launched(&lab, "stop").await;
    lab.until_state(&id, "running").await;
    lab.stop(&id).await;
    lab.until_state(&id, "stopped").await;
    let full = ec2::RunInstancesRequest { min_count: 16, max_count: 16, ..lab.launch() };
    lab.ok(full).await;
    let start = ec2::StartInstancesRequest { instance_ids: ids(&id), ..Default::default() };
    assert_eq!(lab.code(start).await, ErrorCode::InsufficientInstanceCapacity);
    assert_eq!(lab.state(&id).await, "stopped");
    drop(agent);
}

#[tokio::test]
async fn describes_filter_and_page() {
    let lab = Lab::new().await;
    let _agent = Agent::obedient(&lab).await;
    lab.ok(ec2::RunInstancesRequest { min_count: 7, max_count: 7, ..lab.launch() }).await;
    let filter = |name: &str, value: &str| vec![ec2::Filter { name: Some(name.into()), values: vec![value.into()] }];
    let small = lab.run(ec2::RunInstancesRequest { instance_type: Some("t3.nano".into()), ..lab.launch() }).await;
    let by_type = ec2::DescribeInstancesRequest { filters: filter("instance-type", "t3.nano"), ..Default::default() };
    let found = lab.ok(by_type).await.reservations;
    assert_eq!(found[0].instances[0].instance_id, small.instance_id);
    let unknown = ec2::DescribeInstancesRequest { filters: filter("colour", "red"), ..Default::default() };
    assert_eq!(lab.code(unknown).await, ErrorCode::InvalidParameterValue);
    let mut request = ec2::DescribeInstancesRequest { max_results: Some(5), ..Default::default() };
    let first = lab.ok(request.clone()).await;
    request.next_token = first.next_token.clone();
    let second = lab.ok(request.clone()).await;
    let count = |answer: &ec2::DescribeInstancesResult| answer.reservations.iter().map(|r| r.instances.len()).sum::<usize>();
    assert_eq!((count(&first), count(&second), second.next_token), (5, 3, None));
    request.next_token = Some("forged".into());
    assert_eq!(lab.code(request).await, ErrorCode::InvalidNextToken);
    let both = ec2::DescribeInstancesRequest { max_results: Some(5), instance_ids: ids("i-0123456789abcdef0"), ..Default::default() };
    assert_eq!(lab.code(both).await, ErrorCode::InvalidParameterCombination);
    let many = vec![ec2::Filter { name: Some("instance-state-name".into()), values: vec!["x".into(); 201] }];
    assert_eq!(
        lab.code(ec2::DescribeInstancesRequest { filters: many.clone(), ..Default::default() }).await,
        ErrorCode::FilterLimitExceeded
    );
    assert_eq!(lab.code(ec2::DescribeInstanceStatusRequest { filters: many, ..Default::default() }).await, ErrorCode::FilterLimitExceeded);
}

/// A second group of the one instance's VPC, of which no instance is a member.
async fn another_group(lab: &Lab) -> String {
    let default = security_group::Entity::find().filter(security_group::Column::AccountId.eq(ALICE)).one(lab.store().reader()).await;
    let default = default.expect("read").expect("the default group");
    // Last by id, so that it is stated after the other one.
    let row = security_group::Model { group_id: "sg-fffffffffffffffff".into(), group_name: "another".into(), ..default };
    let tx = lab.store().begin(ALICE).await.expect("begin");
    let group_id = row.into_active_model().insert(tx.db()).await.expect("a group").group_id;
    tx.commit().await.expect("commit");
    group_id
}

async fn orders(lab: &Lab) -> Vec<tombstone::Model> {
    tombstone::Entity::find().all(lab.store().reader()).await.expect("read")
}

fn carried_out(order: &tombstone::Model, kind: ResourceKind) -> from_agent::Kind {
    from_agent::Kind::Buried(Buried { kind: kind.into(), id: order.id.clone(), generation: order.generation.unsigned_abs() })
}

/// The host has buried the VPC and was cut off before it said so of the groups.
#[tokio::test]
async fn an_instance_that_arrives_takes_back_the_orders_for_its_vpc_s_groups_that_still_stand() {
    let lab = Lab::new().await;
    let agent = Agent::silent(&lab).await;
    let id = launched(&lab, "stop").await;
    let another = another_group(&lab).await;
    lab.terminate(&id).await;
    let instance = orders(&lab).await.remove(0);
    agent.say(carried_out(&instance, ResourceKind::Instance)).await;
    lab.until_state(&id, "terminated").await;
    let standing = orders(&lab).await;
    assert_eq!(standing.len(), 3, "the VPC and two groups: {standing:?}");
    let vpc = standing.iter().find(|order| order.kind == kind::VPC).expect("the VPC's order");
    agent.say(carried_out(vpc, ResourceKind::Vpc)).await;
    crate::lab::eventually("the VPC is buried", async || orders(&lab).await.len() == 2).await;
    launched(&lab, "stop").await;
    assert_eq!(orders(&lab).await, []);
    let groups: Vec<_> = standing.iter().filter(|order| order.kind == kind::SECURITY_GROUP).collect();
    assert!(groups.iter().any(|order| order.id == another));
    let newer = |told: &crate::lab::Told, order: &tombstone::Model| {
        told.groups.get(&order.id).is_some_and(|group| group.generation > order.generation.unsigned_abs())
    };
    agent.until_told("the groups, newer than the orders", |told| groups.iter().all(|order| newer(told, order))).await;
}

#[tokio::test]
async fn a_group_that_is_deleted_is_buried_by_the_hosts_of_its_vpc() {
    let lab = Lab::new().await;
    let agent = Agent::silent(&lab).await;
    launched(&lab, "stop").await;
    let create = ec2::CreateSecurityGroupRequest { group_name: "web".into(), description: "d".into(), ..Default::default() };
    let group_id = lab.ok(create).await.group_id.expect("an id");
    let first = agent.until_told("the new group", |told| told.groups.contains_key(&group_id)).await.groups[&group_id].generation;
    let rule = ec2::IpPermission {
        ip_protocol: Some("-1".into()),
        ip_ranges: vec![ec2::IpRange { cidr_ip: Some("10.0.0.0/8".into()), description: None }],
        ..Default::default()
    };
    lab.ok(ec2::AuthorizeSecurityGroupEgressRequest { group_id: group_id.clone(), ip_permissions: vec![rule], ..Default::default() }).await;
    // Rules are read after their group: they may be told with the generation before theirs, and then again with their own.
    let renewed = |group: &SecurityGroupDesired| group.generation > first && group.rules.iter().filter(|rule| rule.egress).count() == 2;
    agent.until_told("its new rule", |told| renewed(&told.groups[&group_id])).await;
    let newest = agent.told().groups[&group_id].generation;
    lab.ok(ec2::DeleteSecurityGroupRequest { group_id: Some(group_id.clone()), ..Default::default() }).await;
    agent.until_told("the order", |told| told.tombstones.iter().any(|order| order.id == group_id)).await;
    let standing = orders(&lab).await;
    let [order] = standing.as_slice() else { panic!("{standing:?}") };
    assert_eq!((order.kind.as_str(), order.generation.unsigned_abs()), (kind::SECURITY_GROUP, newest));
    agent.say(carried_out(order, ResourceKind::SecurityGroup)).await;
    crate::lab::eventually("it is buried", async || orders(&lab).await.is_empty()).await;
}

#[tokio::test]
async fn a_group_that_an_interface_has_stays() {
    let lab = Lab::new().await;
    let _agent = Agent::silent(&lab).await;
    let create = ec2::CreateSecurityGroupRequest { group_name: "web".into(), description: "d".into(), ..Default::default() };
    let group_id = lab.ok(create).await.group_id.expect("an id");
    lab.ok(ec2::RunInstancesRequest { security_group_ids: vec![group_id.clone()], ..lab.launch() }).await;
    let delete = ec2::DeleteSecurityGroupRequest { group_id: Some(group_id), ..Default::default() };
    assert_eq!(lab.code(delete).await, ErrorCode::DependencyViolation);
}

#[tokio::test]
async fn an_order_to_bury_a_group_is_of_its_newest_generation() {
    let lab = Lab::new().await;
    let _agent = Agent::silent(&lab).await;
    let id = launched(&lab, "stop").await;
    let row = instance::Entity::find_by_id(&id).one(lab.store().reader()).await.expect("read").expect("the row");
    let mut tx = lab.store().begin(ALICE).await.expect("begin");
    super::terminate::finish(&mut tx, row).await.expect("finished");
    tx.commit().await.expect("commit");
    let group = security_group::Entity::find().filter(security_group::Column::AccountId.eq(ALICE)).one(lab.store().reader()).await;
    let group = group.expect("read").expect("the default group");
    let order = orders(&lab).await.into_iter().find(|order| order.id == group.group_id).expect("its order");
    assert_eq!(order.generation, group.generation);
}

/// The scheduler has found that the host uses the VPC; before it has read the groups the host has left, and a group was changed since.
#[tokio::test]
async fn a_host_that_has_left_a_vpc_is_not_told_of_what_came_after_the_order_to_bury_it() {
    let lab = Lab::new().await;
    let id = {
        let _agent = Agent::silent(&lab).await;
        launched(&lab, "stop").await
    };
    let row = instance::Entity::find_by_id(&id).one(lab.store().reader()).await.expect("read").expect("the row");
    let another = another_group(&lab).await;
    // Room for one message: what is to be said after it waits, and reads only then.
    let (down, mut told) = tokio::sync::mpsc::channel(1);
    let host_id = row.host_id.clone().expect("a host");
    let attendance = lab.scheduler.hosts_service().admit(crate::lab::hello(&host_id), None, down).await.expect("admitted");
    told.recv().await.expect("the welcome").expect("a message");
    let speaking = tokio::spawn(async move {
        let stated = attendance.state_everything().await;
        (stated.is_ok(), attendance)
    });
    crate::lab::eventually("the VPC is said", async || !told.is_empty()).await;
    let mut tx = lab.store().begin(ALICE).await.expect("begin");
    super::terminate::finish(&mut tx, row).await.expect("finished");
    super::terminate::restate_groups(&mut tx, std::slice::from_ref(&another)).await.expect("restated");
    tx.commit().await.expect("commit");
    let orders: BTreeMap<String, u64> = orders(&lab).await.into_iter().map(|order| (order.id, order.generation.unsigned_abs())).collect();
    let mut groups = BTreeMap::new();
    while let Some(Ok(message)) = told.recv().await {
        match message.kind {
            Some(to_agent::Kind::SecurityGroup(group)) => _ = groups.insert(group.group_id, group.generation),
            Some(to_agent::Kind::DesiredComplete(_)) => break,
            _ => {}
        }
    }
    assert!(speaking.await.expect("it ends").0);
    assert!(orders.contains_key(&another));
    for (group_id, generation) in groups {
        assert!(generation <= orders[&group_id], "{group_id} was told at {generation} and is to be buried at {}", orders[&group_id]);
    }
}
