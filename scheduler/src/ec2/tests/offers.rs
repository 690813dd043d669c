//! Which types hosts offer, and what a launch is told where none does; cores and threads as they reach the hosts.

use std::collections::BTreeSet;

use freehold_proto::id::{HostId, OsEntropy};
use freehold_proto::internal::host::{Capacity, Driver, Hello};

use super::*;
use crate::lab::{ALICE, Agent, Lab, hello};

/// A new host that says of itself what `change` makes of it.
async fn host(lab: &Lab, change: impl FnOnce(&mut Hello)) -> Agent {
    let mut hello = hello(HostId::draw(&OsEntropy).as_str());
    change(&mut hello);
    Agent::attend(lab, hello, true).await
}

async fn offered(lab: &Lab, location_type: &str, filters: Vec<ec2::Filter>) -> BTreeSet<(String, String)> {
    let request = ec2::DescribeInstanceTypeOfferingsRequest { location_type: Some(location_type.into()), filters, ..Default::default() };
    let offered = lab.ok(request).await.instance_type_offerings;
    offered.into_iter().filter_map(|offering| offering.instance_type.zip(offering.location)).collect()
}

fn pairs(expected: &[(&str, &str)]) -> BTreeSet<(String, String)> {
    expected.iter().map(|(kind, location)| ((*kind).to_owned(), (*location).to_owned())).collect()
}

#[tokio::test]
async fn an_offer_is_what_some_host_is_made_for_also_while_it_is_away() {
    let lab = Lab::new().await;
    assert!(offered(&lab, "region", vec![]).await.is_empty(), "no host, no offer");
    let small = host(&lab, |hello| hello.instance_types = vec!["t3.n*".into(), "m5.*".into(), "x9.mega".into()]).await;
    // Of m5 only what fits on 16 GiB.
    let expected = pairs(&[("m5.large", "us-east-1"), ("m5.xlarge", "us-east-1"), ("t3.nano", "us-east-1")]);
    assert_eq!(offered(&lab, "region", vec![]).await, expected);
    small.leave();
    crate::lab::eventually("the host is away", async || {
        lab.store().world().caught_up().await.is_ok() && lab.store().world().rows().hosts.values().all(|row| !row.connected)
    })
    .await;
    assert_eq!(offered(&lab, "region", vec![]).await, expected);
    let _large = host(&lab, |hello| {
        hello.availability_zone = "us-east-1b".into();
        hello.instance_types = vec!["m5.4xlarge".into()];
        hello.capacity = Some(Capacity { vcpus: 8, memory_mib: 65536, disk_mib: 100 << 10 });
    })
    .await;
    let large = || vec![filter("instance-type", &["m5.*xlarge"])];
    let zones = pairs(&[("m5.4xlarge", "us-east-1b"), ("m5.xlarge", "us-east-1a")]);
    assert_eq!(offered(&lab, "availability-zone", large()).await, zones);
    let ids = pairs(&[("m5.4xlarge", "use1-az2")]);
    assert_eq!(offered(&lab, "availability-zone-id", vec![filter("location", &["use1-az2"])]).await, ids);
    assert!(offered(&lab, "outpost", vec![]).await.is_empty());
}

#[tokio::test]
async fn a_launch_of_what_no_host_there_offers_is_unsupported_and_says_where_it_is_offered() {
    let lab = Lab::new().await;
    let launch = |kind: &str| ec2::RunInstancesRequest { instance_type: Some(kind.into()), ..lab.launch() };
    assert_eq!(lab.code(launch("m5.large")).await, ErrorCode::InsufficientInstanceCapacity, "there is no host yet");
    let _a = host(&lab, |hello| hello.instance_types = vec!["t3.*".into()]).await;
    let _b = host(&lab, |hello| {
        hello.availability_zone = "us-east-1b".into();
        hello.instance_types = vec!["m5.*".into()];
    })
    .await;
    let placed = lab.run(launch("m5.large")).await.placement.and_then(|placement| placement.availability_zone);
    assert_eq!(placed.as_deref(), Some("us-east-1b"), "of all zones the one that offers it");
    let in_a = |kind: &str| ec2::RunInstancesRequest {
        placement: Some(ec2::Placement { availability_zone: Some("us-east-1a".into()), ..Default::default() }),
        ..launch(kind)
    };
    let refused = lab.call(ALICE, in_a("m5.large")).await.expect_err("refused");
    assert_eq!(refused.code, ErrorCode::Unsupported);
    assert!(refused.message.ends_with("or choosing us-east-1b."), "{}", refused.message);
    let why = crate::operator::explain::explain(lab.store(), "test").await.expect("an explanation");
    let reasons: BTreeSet<&str> = why.others.iter().map(|other| other.reason.as_str()).collect();
    assert_eq!(reasons, BTreeSet::from(["is in another availability zone", "is not configured to offer the instance type"]));
    // Never there, however empty: 64 GiB on hosts of 16.
    let refused = lab.call(ALICE, launch("m5.4xlarge")).await.expect_err("refused");
    assert_eq!(refused.code, ErrorCode::Unsupported);
    assert!(refused.message.contains("DescribeInstanceTypeOfferings"), "{}", refused.message);
    // Offered, and full.
    let many = ec2::RunInstancesRequest { min_count: 3, max_count: 3, ..launch("m5.large") };
    assert_eq!(lab.code(many).await, ErrorCode::InsufficientInstanceCapacity);
}

#[tokio::test]
async fn an_instance_whose_type_its_host_no_longer_offers_does_not_start() {
    let lab = Lab::new().await;
    let agent = host(&lab, |_| {}).await;
    let id = lab.run(lab.launch()).await.instance_id.expect("an id");
    lab.until_state(&id, "running").await;
    lab.stop(&id).await;
    lab.until_state(&id, "stopped").await;
    let again = Hello { instance_types: vec!["m5.large".into()], ..hello(&agent.host_id) };
    let _agent = Agent::attend(&lab, again, true).await;
    let start = || ec2::StartInstancesRequest { instance_ids: vec![id.clone()], ..Default::default() };
    assert_eq!(lab.code(start()).await, ErrorCode::Unsupported);
    let resize = ec2::ModifyInstanceAttributeRequest {
        instance_id: id.clone(),
        instance_type: Some(ec2::AttributeValue { value: Some("m5.large".into()) }),
        ..Default::default()
    };
    lab.ok(resize).await;
    lab.ok(start()).await;
    lab.until_state(&id, "running").await;
}

#[tokio::test]
async fn arm_is_offered_by_a_host_with_a_driver_for_it_and_by_no_other() {
    let lab = Lab::new().await;
    let _intel = host(&lab, |_| {}).await;
    let graviton = || vec![filter("instance-type", &["t4g.*"])];
    assert!(offered(&lab, "region", graviton()).await.is_empty());
    let _arm = host(&lab, |hello| {
        hello.drivers = vec![Driver { name: "simulated".into(), accelerator: "none".into(), architecture: "arm64".into() }];
    })
    .await;
    assert_eq!(offered(&lab, "region", graviton()).await.len(), 6, "t4g.2xlarge has more memory than the host");
    let launch = ec2::RunInstancesRequest { instance_type: Some("t4g.nano".into()), ..lab.launch() };
    assert_eq!(lab.code(launch).await, ErrorCode::InvalidParameterValue, "the image is x86_64's");
}

#[tokio::test]
async fn cores_and_threads_reach_the_host_and_count_in_placement() {
    let lab = Lab::new().await;
    let agent = Agent::obedient(&lab).await;
    let told = |id: &str| agent.told().instances.get(id).map(|told| (told.vcpus, told.cores, told.threads_per_core));
    let own = lab.run(lab.launch()).await.instance_id.expect("an id");
    lab.until_state(&own, "running").await;
    assert_eq!(told(&own), Some((2, 1, 2)), "those of t3.micro");
    let options = |core_count, threads_per_core| {
        Some(ec2::CpuOptionsRequest { core_count: Some(core_count), threads_per_core: Some(threads_per_core), ..Default::default() })
    };
    let asked = ec2::RunInstancesRequest { cpu_options: options(1, 1), ..lab.launch() };
    let launched = lab.run(asked).await;
    let id = launched.instance_id.expect("an id");
    let shown = |cpu: Option<ec2::CpuOptions>| cpu.and_then(|cpu| cpu.core_count.zip(cpu.threads_per_core));
    assert_eq!(shown(launched.cpu_options), Some((1, 1)));
    lab.until_state(&id, "running").await;
    assert_eq!(told(&id), Some((1, 1, 1)));
    let used = lab.store().world().rows().hosts.values().map(|row| row.vcpus_used).sum::<i64>();
    assert_eq!(used, 3, "two of the one and one of the other");
    let change = |core_count, threads_per_core| ec2::ModifyInstanceCpuOptionsRequest {
        instance_id: id.clone(),
        core_count,
        threads_per_core,
        ..Default::default()
    };
    assert_eq!(lab.code(change(Some(1), Some(2))).await, ErrorCode::IncorrectInstanceState);
    lab.stop(&id).await;
    lab.until_state(&id, "stopped").await;
    assert_eq!(lab.code(change(None, None)).await, ErrorCode::MissingParameter);
    assert_eq!(lab.code(change(Some(1), None)).await, ErrorCode::MissingParameter);
    assert_eq!(lab.code(change(Some(3), Some(1))).await, ErrorCode::InvalidParameterCombination);
    assert_eq!(lab.code(change(Some(0), Some(1))).await, ErrorCode::InvalidParameterValue);
    let other = |instance_id: &str| ec2::ModifyInstanceCpuOptionsRequest { instance_id: instance_id.into(), ..change(Some(1), Some(2)) };
    assert_eq!(lab.code(other("i-zzz")).await, ErrorCode::InvalidInstanceIdMalformed);
    assert_eq!(lab.code(other("i-0123456789abcdef0")).await, ErrorCode::InvalidInstanceIdNotFound);
    lab.ok(change(Some(1), Some(2))).await;
    lab.start(&id).await;
    lab.until_state(&id, "running").await;
    assert_eq!(told(&id), Some((2, 1, 2)));
    // Another type has its own.
    lab.stop(&id).await;
    lab.until_state(&id, "stopped").await;
    let resize = ec2::ModifyInstanceAttributeRequest {
        instance_id: id.clone(),
        instance_type: Some(ec2::AttributeValue { value: Some("m5.xlarge".into()) }),
        ..Default::default()
    };
    lab.ok(resize).await;
    assert_eq!(shown(lab.instance(&id).await.cpu_options), Some((2, 2)));
}
