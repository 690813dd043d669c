//! What the operator does to hosts, over a real store with agents that speak the real stream.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;
use freehold_proto::id::{HostId, OsEntropy};
use freehold_proto::internal::host::{Buried, GuestState, Hello, InstanceObserved, ResourceKind, Tombstone, from_agent};
use freehold_proto::internal::operator as proto;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter};

use super::{explain, hosts, quarantine};
use crate::lab::{Agent, Lab, eventually, hello};
use crate::placement;
use crate::store::{Failure, fenced_host, host, private_address, public_address, tombstone, volume};

const STRAY: &str = "i-0123456789abcdef0";

async fn attend(lab: &Lab, name: &str, zone: &str) -> Agent {
    let hello = Hello { hostname: name.into(), availability_zone: zone.into(), ..hello(HostId::draw(&OsEntropy).as_str()) };
    Agent::attend(lab, hello, true).await
}

async fn run(lab: &Lab) -> String {
    let id = lab.run(lab.launch()).await.instance_id.expect("an id");
    lab.until_state(&id, "running").await;
    id
}

async fn drain(lab: &Lab, host: &str, undrain: bool) -> proto::Host {
    hosts::drain(lab.store(), &proto::DrainHostRequest { host: host.into(), undrain }).await.expect("drained")
}

async fn remove(lab: &Lab, host: &str, lost: bool, dry_run: bool) -> Result<proto::RemoveHostResponse, String> {
    let removed = hosts::remove(lab.store(), &proto::RemoveHostRequest { host: host.into(), lost, dry_run }).await;
    removed.map_err(|failure| match failure {
        Failure::Fault(fault) => fault.message,
        Failure::Store(error) => panic!("{error}"),
    })
}

/// The agent's process ends, and the scheduler has noticed.
async fn silence(lab: &Lab, agent: Agent) -> String {
    let host_id = agent.host_id.clone();
    agent.leave();
    eventually("the host is silent", async || {
        hosts::list(lab.store()).await.expect("hosts").iter().any(|host| host.host_id == host_id && !host.connected)
    })
    .await;
    host_id
}

async fn attention(lab: &Lab) -> String {
    super::status(lab.store(), "").await.expect("a status").attention.join("\n")
}

#[tokio::test]
async fn a_drained_host_takes_nothing_new_keeps_what_it_has_and_says_when_it_is_empty() {
    let lab = Lab::new().await;
    let agent = attend(&lab, "one", "us-east-1a").await;
    let id = run(&lab).await;
    assert!(drain(&lab, "one", false).await.drained_since.is_some());
    assert_eq!(lab.code(lab.launch()).await, ErrorCode::InsufficientInstanceCapacity);
    let why = explain::explain(lab.store(), "test").await.expect("a refusal").others;
    assert_eq!(why[0].reason, "is drained and takes nothing new");
    lab.stop(&id).await;
    lab.until_state(&id, "stopped").await;
    lab.start(&id).await;
    lab.until_state(&id, "running").await;
    assert!(!attention(&lab).await.contains("drained and empty"));
    lab.terminate(&id).await;
    lab.until_state(&id, "terminated").await;
    assert!(attention(&lab).await.contains("drained and empty"));
    let again = Agent::attend(&lab, hello(&agent.host_id), true).await;
    assert_eq!(lab.code(lab.launch()).await, ErrorCode::InsufficientInstanceCapacity, "it stays drained when it attends anew");
    assert_eq!(drain(&lab, &again.host_id, true).await.drained_since, None);
    run(&lab).await;
}

/// What it takes is in no row: after an older store was put back, its host would be promised twice.
#[tokio::test]
async fn a_host_that_keeps_unknown_guests_takes_nothing_new_and_goes_on_with_what_it_has() {
    let lab = Lab::new().await;
    let agent = attend(&lab, "one", "us-east-1a").await;
    let id = run(&lab).await;
    quarantine_stray(&lab, &agent).await;
    assert_eq!(lab.code(lab.launch()).await, ErrorCode::InsufficientInstanceCapacity);
    let why = explain::explain(lab.store(), "test").await.expect("a refusal").others;
    assert_eq!(why[0].reason, "keeps guests that the store does not know and takes nothing new");
    lab.stop(&id).await;
    lab.until_state(&id, "stopped").await;
    lab.start(&id).await;
    lab.until_state(&id, "running").await;
    destroy(&lab, STRAY).await.expect("ordered");
    eventually("it is gone", async || quarantine::list(lab.store()).await.expect("guests").is_empty()).await;
    run(&lab).await;
}

/// A row that can not be read is met by whoever reads all of them.
#[tokio::test]
async fn of_many_hosts_a_refused_launch_reads_only_the_best_while_it_has_its_turn() {
    let lab = Lab::new().await;
    let tx = lab.store().begin("").await.expect("begin");
    for at in 0..=placement::hosts::FEW {
        let drivers = if at == 7 { "unreadable" } else { r#"[{"name":"simulated","accelerator":"none","architecture":"x86_64"}]"# };
        let row = format!(
            "INSERT INTO host (host_id, hostname, availability_zone, vcpus, memory_mib, disk_mib, drivers, version, connected, last_seen, quarantined) \
             VALUES ('host-{at}', '', 'us-east-1a', 1, 1024, 8192, '{drivers}', '', FALSE, 0, '[]')"
        );
        tx.db().execute_unprepared(&row).await.expect("a host");
    }
    tx.commit().await.expect("commit");
    for dry_run in [None, Some(true)] {
        let launch = ec2::RunInstancesRequest { dry_run, ..lab.launch() };
        assert_eq!(lab.code(launch).await, ErrorCode::InsufficientInstanceCapacity);
    }
    let tx = lab.store().begin("").await.expect("begin");
    tx.db()
        .execute_unprepared("UPDATE host SET drivers = (SELECT other.drivers FROM host AS other WHERE other.host_id = 'host-1')")
        .await
        .expect("readable again");
    tx.commit().await.expect("commit");
    assert_eq!(lab.code(lab.launch()).await, ErrorCode::InsufficientInstanceCapacity);
    let why = explain::explain(lab.store(), "test").await.expect("a refusal");
    assert_eq!(why.others[0].reason, "is not connected");
    assert_eq!(why.others.len() as u64, placement::hosts::FEW);
    assert_eq!(why.more.values().sum::<u64>(), 1);
}

#[tokio::test]
async fn a_host_is_found_by_id_or_by_a_name_that_only_one_has() {
    let lab = Lab::new().await;
    let (first, second) = (attend(&lab, "twin", "us-east-1a").await, attend(&lab, "twin", "us-east-1a").await);
    for (meant, why) in [("twin", "Several hosts"), ("nobody", "There is no host")] {
        let refused = remove(&lab, meant, false, true).await.expect_err("refused");
        assert!(refused.contains(why), "{refused}");
    }
    assert_eq!(drain(&lab, &first.host_id, false).await.host_id, first.host_id);
    assert_eq!(hosts::find(lab.store().reader(), &second.host_id).await.expect("found").drained_since, None);
}

#[tokio::test]
async fn a_host_that_is_there_or_holds_something_is_not_removed_and_an_empty_one_is() {
    let lab = Lab::new().await;
    let agent = attend(&lab, "one", "us-east-1a").await;
    let id = run(&lab).await;
    assert!(remove(&lab, "one", false, false).await.expect_err("connected").contains("Stop its agent first"));
    let host_id = silence(&lab, agent).await;
    let refused = remove(&lab, "one", false, false).await.expect_err("it holds an instance");
    assert!(refused.contains(&id) && refused.contains("1 volumes") && refused.contains("--lost"), "{refused}");
    let agent = Agent::attend(&lab, Hello { hostname: "one".into(), ..hello(&host_id) }, true).await;
    lab.terminate(&id).await;
    lab.until_state(&id, "terminated").await;
    until_its_networks_are_buried(&lab).await;
    silence(&lab, agent).await;
    remove(&lab, "one", false, true).await.expect("it would be removed");
    assert_eq!(hosts::list(lab.store()).await.expect("hosts").len(), 1, "asking changes nothing");
    remove(&lab, "one", false, false).await.expect("removed");
    assert!(hosts::list(lab.store()).await.expect("hosts").is_empty());
    assert_eq!(lab.state(&id).await, "terminated", "what ended there is still shown for its hour");
    Agent::attend(&lab, hello(&host_id), true).await;
    run(&lab).await;
}

#[tokio::test]
async fn a_host_that_is_given_up_while_it_is_connected_is_hung_up_on_and_not_let_in_again() {
    let lab = Lab::new().await;
    let agent = attend(&lab, "taken", "us-east-1a").await;
    let other = attend(&lab, "other", "us-east-1b").await;
    let id = run(&lab).await;
    remove(&lab, "taken", true, true).await.expect("it would be removed");
    assert!(!agent.ended(), "asking changes nothing");
    let host_id = agent.host_id.clone();
    remove(&lab, &host_id, true, false).await.expect("removed");
    eventually("its session ends", async || agent.ended()).await;
    assert!(Agent::try_attend(&lab, hello(&host_id), true).await.is_err());
    let left: Vec<String> = hosts::list(lab.store()).await.expect("hosts").into_iter().map(|host| host.host_id).collect();
    assert_eq!(left, std::slice::from_ref(&other.host_id));
    assert!(!other.ended());
    assert!(matches!(lab.state(&id).await.as_str(), "terminated" | "running"), "whichever of the two had it");
}

#[tokio::test]
async fn a_host_that_calls_itself_by_another_one_s_id_is_not_taken_for_it() {
    let lab = Lab::new().await;
    let (meant, other) = (attend(&lab, "one", "us-east-1a").await, attend(&lab, "two", "us-east-1a").await);
    // As a scheduler before this one let it in.
    let tx = lab.store().begin("").await.expect("begin");
    host::Entity::update_many()
        .col_expr(host::Column::Hostname, sea_orm::sea_query::Expr::value(meant.host_id.as_str()))
        .filter(host::Column::HostId.eq(&other.host_id))
        .exec(tx.db())
        .await
        .expect("renamed");
    tx.commit().await.expect("commit");
    assert_eq!(drain(&lab, &meant.host_id, false).await.host_id, meant.host_id);
    let named = Hello { hostname: meant.host_id.clone(), ..hello(&other.host_id) };
    let Err(refused) = Agent::try_attend(&lab, named, true).await else { panic!("it was let in") };
    assert_eq!(refused.code(), tonic::Code::InvalidArgument);
}

#[tokio::test]
async fn a_host_that_keeps_unknown_guests_is_not_removed_unless_it_is_lost() {
    let lab = Lab::new().await;
    let agent = attend(&lab, "one", "us-east-1a").await;
    quarantine_stray(&lab, &agent).await;
    silence(&lab, agent).await;
    let refused = remove(&lab, "one", false, false).await.expect_err("it keeps a guest");
    assert!(refused.contains(STRAY), "{refused}");
    remove(&lab, "one", true, false).await.expect("removed");
}

async fn until_its_networks_are_buried(lab: &Lab) {
    eventually("no order stands", async || tombstone::Entity::find().count(lab.store().reader()).await.expect("a count") == 0).await;
}

/// Its last instance has ended, and it went away before it had buried that one's VPC. Should it come back the order must still stand.
#[tokio::test]
async fn a_host_whose_networks_are_still_to_be_buried_is_not_removed_unless_it_is_lost() {
    let lab = Lab::new().await;
    let agent = Agent::attend(&lab, Hello { hostname: "one".into(), ..hello(HostId::draw(&OsEntropy).as_str()) }, false).await;
    let id = lab.run(lab.launch()).await.instance_id.expect("an id");
    lab.terminate(&id).await;
    let told = agent.until_told("the instance's order", |told| !told.tombstones.is_empty()).await;
    let Tombstone { kind, id: buried, generation } = told.tombstones[0].clone();
    agent.say(from_agent::Kind::Buried(Buried { kind, id: buried, generation })).await;
    lab.until_state(&id, "terminated").await;
    let host_id = silence(&lab, agent).await;
    let vpc = lab.ok(ec2::DescribeVpcsRequest::default()).await.vpcs[0].vpc_id.clone().expect("an id");
    let refused = remove(&lab, "one", false, false).await.expect_err("its VPC is still there");
    assert!(refused.contains("2 networks that are still to be buried") && refused.contains(&vpc), "{refused}");
    // It comes back, and carries the orders out.
    let agent = Agent::attend(&lab, Hello { hostname: "one".into(), ..hello(&host_id) }, true).await;
    until_its_networks_are_buried(&lab).await;
    silence(&lab, agent).await;
    remove(&lab, "one", false, false).await.expect("it holds nothing");
}

async fn keep_disk(lab: &Lab) -> String {
    let kept = ec2::EbsBlockDevice { delete_on_termination: Some(false), ..Default::default() };
    let mapping = ec2::BlockDeviceMapping { device_name: Some("/dev/xvda".into()), ebs: Some(kept), ..Default::default() };
    let launch = ec2::RunInstancesRequest { block_device_mappings: vec![mapping], ..lab.launch() };
    lab.run(launch).await.instance_id.expect("an id")
}

#[tokio::test]
async fn what_a_lost_host_held_ends_and_frees_its_addresses_and_its_volumes_are_in_error() {
    let lab = Lab::new().await;
    let agent = attend(&lab, "lost", "us-east-1a").await;
    let (ended, kept) = (run(&lab).await, keep_disk(&lab).await);
    lab.until_state(&kept, "running").await;
    let host_id = silence(&lab, agent).await;
    lab.terminate(&ended).await;
    assert_eq!(lab.state(&ended).await, "shutting-down", "nobody is there to carry it out");
    let would = remove(&lab, "lost", true, true).await.expect("it would be removed");
    assert_eq!(lab.state(&kept).await, "running", "asking changes nothing");
    let done = remove(&lab, "lost", true, false).await.expect("removed");
    assert_eq!(would, done);
    assert_eq!(done.terminated_instances.len(), 2);
    for id in [&ended, &kept] {
        let instance = lab.instance(id).await;
        assert_eq!(instance.state.and_then(|state| state.name).as_deref(), Some("terminated"));
        assert_eq!(instance.private_ip_address, None);
        let reason = instance.state_reason.expect("a reason");
        assert_eq!(reason.code.as_deref(), Some("Server.InternalError"));
    }
    let db = lab.store().reader();
    assert_eq!(private_address::Entity::find().count(db).await.expect("a count"), 0);
    assert_eq!(public_address::Entity::find().count(db).await.expect("a count"), 0);
    assert_eq!(tombstone::Entity::find().count(db).await.expect("a count"), 0);
    let volumes = lab.ok(ec2::DescribeVolumesRequest::default()).await.volumes;
    let states: Vec<_> = volumes.iter().map(|volume| (volume.volume_id.clone(), volume.state.clone())).collect();
    assert_eq!(states, [(Some(done.lost_volumes[0].clone()), Some("error".to_owned()))]);
    let explained = explain::explain(lab.store(), &kept).await.expect("an explanation");
    assert_eq!(explained.placed[0].now, "its host is no host of this cloud any more");
    assert_eq!(fenced_host::Entity::find().all(db).await.expect("rows")[0].host_id, host_id);
}

#[tokio::test]
async fn a_lost_host_that_returns_is_not_let_in_and_the_operator_hears_of_it() {
    let lab = Lab::new().await;
    let agent = attend(&lab, "lost", "us-east-1a").await;
    let id = run(&lab).await;
    let host_id = silence(&lab, agent).await;
    remove(&lab, "lost", true, false).await.expect("removed");
    assert!(!attention(&lab).await.contains("is back"));
    let Err(refused) = Agent::try_attend(&lab, hello(&host_id), true).await else { panic!("it was let in") };
    assert_eq!(refused.code(), tonic::Code::PermissionDenied);
    assert!(refused.message().contains("freehold down --guests"), "{refused}");
    assert!(attention(&lab).await.contains("is back and is not let in"));
    let lab = lab.crash().await;
    assert!(Agent::try_attend(&lab, hello(&host_id), true).await.is_err(), "also by the next scheduler");
    assert_eq!(lab.state(&id).await, "terminated");
    assert!(hosts::list(lab.store()).await.expect("hosts").is_empty());
    lab.clock.advance(std::time::Duration::from_mins(11));
    assert!(!attention(&lab).await.contains("is back"), "it has given up");
}

async fn quarantine_stray(lab: &Lab, agent: &Agent) {
    let stray = InstanceObserved { instance_id: STRAY.into(), state: GuestState::Quarantined.into(), ..Default::default() };
    agent.report(stray).await;
    eventually("the guest is in quarantine", async || !quarantine::list(lab.store()).await.expect("guests").is_empty()).await;
}

async fn destroy(lab: &Lab, instance_id: &str) -> Result<(), Failure> {
    let request = proto::DestroyQuarantinedRequest { host: "one".into(), instance_id: instance_id.into() };
    quarantine::destroy(lab.store(), &request).await
}

#[tokio::test]
async fn a_quarantined_guest_is_destroyed_by_a_tombstone_when_the_operator_says_so() {
    let lab = Lab::new().await;
    let agent = attend(&lab, "one", "us-east-1a").await;
    let known = run(&lab).await;
    quarantine_stray(&lab, &agent).await;
    assert!(attention(&lab).await.contains(STRAY));
    for wrong in [known.as_str(), "i-0000000000000000f"] {
        assert!(destroy(&lab, wrong).await.is_err(), "{wrong} is in no quarantine");
    }
    assert!(agent.told().tombstones.is_empty());
    destroy(&lab, STRAY).await.expect("ordered");
    eventually("it is gone", async || quarantine::list(lab.store()).await.expect("guests").is_empty()).await;
    let order = agent.told().tombstones.into_iter().find(|order| order.id == STRAY).expect("an order");
    assert_eq!((order.kind(), order.generation), (ResourceKind::Instance, i64::MAX.unsigned_abs()));
    assert_eq!(lab.state(&known).await, "running");
    let again = Agent::attend(&lab, hello(&agent.host_id), true).await;
    assert!(again.told().tombstones.is_empty(), "it is not ordered again");
}

#[tokio::test]
async fn an_order_to_destroy_waits_for_a_host_that_is_away() {
    let lab = Lab::new().await;
    let agent = attend(&lab, "one", "us-east-1a").await;
    quarantine_stray(&lab, &agent).await;
    let host_id = silence(&lab, agent).await;
    destroy(&lab, STRAY).await.expect("ordered");
    destroy(&lab, STRAY).await.expect("ordering it twice is ordering it once");
    assert!(quarantine::list(lab.store()).await.expect("guests")[0].condemned.is_some());
    let lab = lab.crash().await;
    let agent = Agent::attend(&lab, hello(&host_id), true).await;
    agent.until_told("the order", |told| told.tombstones.iter().any(|order| order.id == STRAY)).await;
    eventually("it is gone", async || quarantine::list(lab.store()).await.expect("guests").is_empty()).await;
}

#[tokio::test]
async fn why_says_of_each_host_what_was_decided_and_how_it_is_now() {
    let lab = Lab::new().await;
    let one = attend(&lab, "one", "us-east-1a").await;
    let two = attend(&lab, "two", "us-east-1b").await;
    drain(&lab, "two", false).await;
    let launched = lab.run(lab.launch()).await;
    let reservation = lab.ok(ec2::DescribeInstancesRequest::default()).await.reservations[0].reservation_id.clone().expect("an id");
    let id = launched.instance_id.expect("an id");
    lab.until_state(&id, "running").await;
    let of_instance = explain::explain(lab.store(), &id).await.expect("an explanation");
    let of_reservation = explain::explain(lab.store(), &reservation).await.expect("an explanation");
    assert_eq!((&of_instance.placed, &of_instance.others), (&of_reservation.placed, &of_reservation.others));
    assert_eq!(
        of_instance.wanted,
        "1 t3.micro (2 vCPUs, 1024 MiB of memory, 2048 MiB of disk each, x86_64) in us-east-1a or us-east-1b or us-east-1c"
    );
    let placed = &of_instance.placed[0];
    assert_eq!((placed.host_id.as_str(), placed.hostname.as_str(), placed.now.as_str()), (one.host_id.as_str(), "one", ""));
    assert!(placed.reason.contains("fewest instances (0)"), "{}", placed.reason);
    let other =
        proto::NotChosen { host_id: two.host_id.clone(), hostname: "two".into(), reason: "is drained and takes nothing new".into() };
    assert_eq!(of_instance.others, [other]);
    silence(&lab, one).await;
    let later = explain::explain(lab.store(), &id).await.expect("an explanation");
    assert!(later.placed[0].now.contains("silent since"), "{later:?}");
    for unknown in ["i-0000000000000000f", "r-0000000000000000f", "something"] {
        assert!(explain::explain(lab.store(), unknown).await.is_err());
    }
}

#[tokio::test]
async fn a_refusal_is_explained_by_its_request_and_a_dry_run_s_too() {
    let lab = Lab::new().await;
    let agent = attend(&lab, "one", "us-east-1a").await;
    for dry_run in [None, Some(true)] {
        let launch = ec2::RunInstancesRequest { min_count: 99, max_count: 99, dry_run, ..lab.launch() };
        assert_eq!(lab.code(launch).await, ErrorCode::InsufficientInstanceCapacity);
        let why = explain::explain(lab.store(), "test").await.expect("a refusal");
        assert_eq!((why.action.as_str(), why.placed.len()), ("RunInstances", 0));
        assert!(why.wanted.starts_with("99 t3.micro"), "{}", why.wanted);
        assert_eq!(why.others[0].host_id, agent.host_id);
        assert_eq!(why.others[0].reason, "has 0 MiB of memory free and 1024 are wanted");
    }
    assert_eq!(volume::Entity::find().count(lab.store().reader()).await.expect("a count"), 0, "nothing of it is left");
    let id = run(&lab).await;
    lab.stop(&id).await;
    lab.until_state(&id, "stopped").await;
    silence(&lab, agent).await;
    let start = ec2::StartInstancesRequest { instance_ids: vec![id.clone()], ..Default::default() };
    assert_eq!(lab.code(start).await, ErrorCode::InsufficientInstanceCapacity);
    let why = explain::explain(lab.store(), "test").await.expect("a refusal");
    assert_eq!((why.action.as_str(), why.others[0].reason.as_str()), ("StartInstances", "is not connected"));
}

#[tokio::test]
async fn a_zone_without_room_for_the_smallest_instance_is_said_to_be_full_and_one_without_hosts_is_not() {
    let lab = Lab::new().await;
    let _agent = attend(&lab, "one", "us-east-1a").await;
    assert!(!attention(&lab).await.contains("is full"));
    let launch = ec2::RunInstancesRequest { min_count: 16, max_count: 16, ..lab.launch() };
    lab.ok(launch).await;
    let said = attention(&lab).await;
    assert!(said.contains("zone us-east-1a is full") && !said.contains("us-east-1b"), "{said}");
}

#[tokio::test]
async fn a_host_that_takes_no_packets_of_others_is_named_where_its_guests_miss_them() {
    let lab = Lab::new().await;
    let real = |host_id: &str, tunnel_address: &str| {
        let mut hello = hello(host_id);
        hello.drivers[0].name = "qemu".into();
        freehold_proto::internal::host::Hello { tunnel_address: tunnel_address.into(), ..hello }
    };
    let (one, other) = ("host-0123456789abcdef0", "host-0123456789abcdef1");
    let first = Agent::attend(&lab, real(one, ""), true).await;
    run(&lab).await;
    assert!(!attention(&lab).await.contains("takes no packets"), "it is alone");
    let _second = Agent::attend(&lab, real(other, "192.0.2.2"), true).await;
    run(&lab).await;
    let said = attention(&lab).await;
    assert!(said.contains(&format!("({one}) takes no packets of other hosts")) && !said.contains(other), "{said}");
    first.leave();
    let _again = Agent::attend(&lab, real(one, "192.0.2.1"), true).await;
    assert!(!attention(&lab).await.contains("takes no packets"));
}
