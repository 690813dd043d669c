//! RunInstances against a real store, with agents that speak the real stream.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;
use sea_orm::{EntityTrait, PaginatorTrait};

use crate::lab::{ALICE, Agent, BOB, Lab};
use crate::store::{
    client_token, instance, interface_security_group, network_interface, network_interface_attachment, placement, private_address,
    public_address, reservation, tag, volume, volume_attachment,
};

/// Rows in every table that a launch writes to.
async fn rows(lab: &Lab) -> Vec<u64> {
    let db = lab.store().reader();
    macro_rules! count {
        ($($table:ident)*) => { vec![$($table::Entity::find().count(db).await.expect("a count")),*] };
    }
    count!(client_token instance interface_security_group network_interface network_interface_attachment placement private_address
        public_address reservation tag volume volume_attachment)
}

#[tokio::test]
async fn what_is_asked_is_what_the_answer_the_row_and_the_host_have() {
    let lab = Lab::new().await;
    let agent = Agent::silent(&lab).await;
    let key = ec2::ImportKeyPairRequest {
        key_name: "me".into(),
        public_key_material: b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKX5ivd/KUsMJuJRtgSZHzq2IIFE8R0IWKFZUHuK2m7N".as_slice().into(),
        ..ec2::ImportKeyPairRequest::default()
    };
    lab.ok(key).await;
    let tag = |kind: &str| ec2::TagSpecification {
        resource_type: Some(kind.into()),
        tags: vec![ec2::Tag { key: Some("Name".into()), value: Some(kind.into()) }],
    };
    let launched = lab
        .run(ec2::RunInstancesRequest {
            key_name: Some("me".into()),
            user_data: Some(STANDARD.encode("#!/bin/sh\n")),
            private_ip_address: Some("172.31.0.77".into()),
            instance_initiated_shutdown_behavior: Some("terminate".into()),
            metadata_options: Some(ec2::InstanceMetadataOptionsRequest {
                http_tokens: Some("required".into()),
                http_put_response_hop_limit: Some(3),
                instance_metadata_tags: Some("enabled".into()),
                ..ec2::InstanceMetadataOptionsRequest::default()
            }),
            block_device_mappings: vec![ec2::BlockDeviceMapping {
                device_name: Some("/dev/xvda".into()),
                ebs: Some(ec2::EbsBlockDevice {
                    volume_size: Some(9),
                    delete_on_termination: Some(false),
                    ..ec2::EbsBlockDevice::default()
                }),
                ..ec2::BlockDeviceMapping::default()
            }],
            tag_specifications: vec![tag("instance"), tag("volume"), tag("network-interface")],
            ..lab.launch()
        })
        .await;
    let id = launched.instance_id.clone().expect("an id");
    assert_eq!(launched.state.as_ref().and_then(|state| state.code), Some(0));
    assert_eq!(launched.private_ip_address.as_deref(), Some("172.31.0.77"));
    assert_eq!(launched.private_dns_name.as_deref(), Some("ip-172-31-0-77.ec2.internal"));
    assert_eq!(launched.tags[0].value.as_deref(), Some("instance"));
    let interface = &launched.network_interfaces[0];
    assert_eq!(interface.groups, launched.security_groups, "the instance's groups mirror its primary interface's");
    assert_eq!(interface.attachment.as_ref().and_then(|attachment| attachment.device_index), Some(0));
    assert_eq!(launched.block_device_mappings[0].device_name, launched.root_device_name);
    assert_eq!(launched, lab.instance(&id).await, "the answer is what a Describe says");

    let told = agent.until_told("the instance", |told| told.instances.contains_key(&id)).await;
    let desired = &told.instances[&id];
    let metadata = desired.metadata.as_ref().expect("metadata");
    assert_eq!((desired.vcpus, desired.memory_mib, desired.driver.as_str(), desired.start_count), (2, 1024, "simulated", 1));
    assert_eq!(metadata.user_data.as_ref(), b"#!/bin/sh\n");
    assert!(metadata.public_key.starts_with("ssh-ed25519 ") && metadata.public_key.ends_with(" me"), "{}", metadata.public_key);
    assert_eq!((metadata.http_tokens.as_str(), metadata.http_put_response_hop_limit), ("required", 3));
    assert_eq!(metadata.tags["Name"], "instance");
    assert_eq!(metadata.instance_initiated_shutdown_behavior, "terminate");
    let (volume, interface) = (&desired.volumes[0], &desired.interfaces[0]);
    assert_eq!((volume.size_mib, volume.root, volume.delete_on_termination), (9 * 1024, true, false));
    assert_eq!(volume.manifest, "a".repeat(64));
    assert_eq!(interface.private_ip_address, "172.31.0.77");
    assert_eq!(Some(&interface.public_ip_address), launched.public_ip_address.as_ref());
    let vpc = &told.vpcs[&interface.vpc_id];
    assert_eq!((vpc.cidr_block.as_str(), vpc.subnets.len()), ("172.31.0.0/16", 3));
    assert_eq!(told.groups[&interface.security_group_ids[0]].rules.len(), 2);
}

#[tokio::test]
async fn the_defaults_are_ec2_s() {
    let lab = Lab::new().await;
    let agent = Agent::silent(&lab).await;
    let launched = lab.run(lab.launch()).await;
    let id = launched.instance_id.expect("an id");
    let told = agent.until_told("the instance", |told| told.instances.contains_key(&id)).await;
    let desired = &told.instances[&id];
    let metadata = desired.metadata.as_ref().expect("metadata");
    assert!(!metadata.has_user_data);
    assert_eq!((metadata.http_tokens.as_str(), metadata.http_endpoint.as_str()), ("optional", "enabled"));
    assert_eq!(metadata.instance_initiated_shutdown_behavior, "stop");
    assert_eq!((desired.volumes[0].size_mib, desired.volumes[0].delete_on_termination), (2048, true));
    assert!(launched.public_ip_address.is_some(), "a default subnet gives a public address");
    assert_eq!(launched.security_groups[0].group_name.as_deref(), Some("default"));
}

#[tokio::test]
async fn associate_public_ip_address_false_gives_none() {
    let lab = Lab::new().await;
    let _agent = Agent::silent(&lab).await;
    let interface = ec2::InstanceNetworkInterfaceSpecification {
        device_index: Some(0),
        associate_public_ip_address: Some(false),
        ..ec2::InstanceNetworkInterfaceSpecification::default()
    };
    let launched = lab.run(ec2::RunInstancesRequest { network_interfaces: vec![interface], ..lab.launch() }).await;
    assert_eq!(launched.public_ip_address, None);
    assert_eq!(launched.network_interfaces[0].association, None);
}

/// The host has room for 16: 16 GiB of memory, and eight times eight vCPUs.
#[tokio::test]
async fn as_many_as_fit_between_min_and_max_are_launched_and_fewer_than_min_is_nothing() {
    let lab = Lab::new().await;
    let _agent = Agent::silent(&lab).await;
    let before = rows(&lab).await;
    assert_eq!(
        lab.code(ec2::RunInstancesRequest { min_count: 17, max_count: 20, ..lab.launch() }).await,
        ErrorCode::InsufficientInstanceCapacity
    );
    assert_eq!(rows(&lab).await, before, "nothing is left behind");
    let launched = lab.ok(ec2::RunInstancesRequest { min_count: 2, max_count: 20, ..lab.launch() }).await;
    assert_eq!(launched.instances.len(), 16);
    let indexes: Vec<_> = launched.instances.iter().filter_map(|instance| instance.ami_launch_index).collect();
    assert_eq!(indexes, (0..16).collect::<Vec<_>>());
    assert_eq!(lab.code(lab.launch()).await, ErrorCode::InsufficientInstanceCapacity);
}

#[tokio::test]
async fn without_a_connected_host_there_is_no_capacity() {
    let lab = Lab::new().await;
    assert_eq!(lab.code(lab.launch()).await, ErrorCode::InsufficientInstanceCapacity);
}

#[tokio::test]
async fn instances_spread_over_hosts() {
    let lab = Lab::new().await;
    let agents = [Agent::silent(&lab).await, Agent::silent(&lab).await];
    lab.ok(ec2::RunInstancesRequest { min_count: 4, max_count: 4, ..lab.launch() }).await;
    for agent in agents {
        assert_eq!(agent.until_told("two", |told| told.instances.len() >= 2).await.instances.len(), 2);
    }
}

#[tokio::test]
async fn racing_launches_share_nothing_that_must_be_unique() {
    let lab = Lab::new().await;
    let _agent = Agent::silent(&lab).await;
    let launches = futures_util::future::join_all((0..12).map(|_| lab.run(lab.launch()))).await;
    let different = |values: Vec<Option<String>>| values.into_iter().flatten().collect::<BTreeSet<_>>().len();
    assert_eq!(different(launches.iter().map(|launched| launched.private_ip_address.clone()).collect()), 12);
    assert_eq!(different(launches.iter().map(|launched| launched.public_ip_address.clone()).collect()), 12);
    assert_eq!(different(launches.iter().map(|launched| launched.network_interfaces[0].mac_address.clone()).collect()), 12);
}

#[tokio::test]
async fn racing_launches_under_one_token_are_one_launch_also_after_a_crash() {
    let lab = Lab::new().await;
    let _agent = Agent::silent(&lab).await;
    let request = ec2::RunInstancesRequest { client_token: Some("t".into()), ..lab.launch() };
    let launches = futures_util::future::join_all((0..6).map(|_| lab.ok(request.clone()))).await;
    assert!(launches.iter().all(|reservation| *reservation == launches[0]));
    let lab = lab.crash().await;
    assert_eq!(lab.ok(request.clone()).await, launches[0]);
    let other = ec2::RunInstancesRequest { instance_type: Some("t3.small".into()), ..request };
    assert_eq!(lab.code(other).await, ErrorCode::IdempotentParameterMismatch);
    let long = ec2::RunInstancesRequest { client_token: Some("t".repeat(65)), ..lab.launch() };
    assert_eq!(lab.code(long).await, ErrorCode::InvalidParameterValue);
    assert_eq!(instance::Entity::find().count(lab.store().reader()).await.expect("a count"), 1);
}

#[tokio::test]
async fn a_dry_run_says_that_it_would_succeed_and_leaves_nothing() {
    let lab = Lab::new().await;
    let agent = Agent::silent(&lab).await;
    let before = rows(&lab).await;
    let dry = |request: ec2::RunInstancesRequest| ec2::RunInstancesRequest { dry_run: Some(true), ..request };
    assert_eq!(lab.code(dry(lab.launch())).await, ErrorCode::DryRunOperation);
    let wrong = ec2::RunInstancesRequest { key_name: Some("nobody".into()), ..lab.launch() };
    assert_eq!(lab.code(dry(wrong)).await, ErrorCode::InvalidKeyPairNotFound);
    assert_eq!(rows(&lab).await, before);
    assert!(agent.told().instances.is_empty());
}

type Change = fn(&mut ec2::RunInstancesRequest);

fn mapping(size: i32) -> Vec<ec2::BlockDeviceMapping> {
    let ebs = ec2::EbsBlockDevice { volume_size: Some(size), ..ec2::EbsBlockDevice::default() };
    vec![ec2::BlockDeviceMapping { device_name: Some("/dev/xvda".into()), ebs: Some(ebs), ..ec2::BlockDeviceMapping::default() }]
}

fn tagged(kind: &str, tags: usize) -> Vec<ec2::TagSpecification> {
    let tags = (0..tags).map(|n| ec2::Tag { key: Some(format!("k{n}")), value: None }).collect();
    vec![ec2::TagSpecification { resource_type: Some(kind.into()), tags }]
}

const ABSENT: &str = "eni-0123456789abcdef0";

fn at(device_index: i32) -> ec2::InstanceNetworkInterfaceSpecification {
    ec2::InstanceNetworkInterfaceSpecification { device_index: Some(device_index), ..Default::default() }
}

fn existing(device_index: i32, id: &str) -> ec2::InstanceNetworkInterfaceSpecification {
    ec2::InstanceNetworkInterfaceSpecification { network_interface_id: Some(id.into()), ..at(device_index) }
}

#[tokio::test]
async fn an_instance_starts_with_the_interfaces_that_are_there_and_with_new_ones() {
    let lab = Lab::new().await;
    let agent = Agent::obedient(&lab).await;
    let zone = ec2::Filter { name: Some("availability-zone".into()), values: vec!["us-east-1a".into()] };
    let subnets = lab.ok(ec2::DescribeSubnetsRequest { filters: vec![zone], ..Default::default() }).await.subnets;
    let subnet_id = subnets[0].subnet_id.clone().expect("an id");
    let create = ec2::CreateNetworkInterfaceRequest { subnet_id, private_ip_address: Some("172.31.0.77".into()), ..Default::default() };
    let mine = lab.ok(create).await.network_interface.expect("an interface").network_interface_id.expect("an id");
    let second = ec2::InstanceNetworkInterfaceSpecification {
        description: Some("second".into()),
        secondary_private_ip_address_count: Some(1),
        delete_on_termination: Some(false),
        ..at(3)
    };
    let request = ec2::RunInstancesRequest { network_interfaces: vec![second, existing(0, &mine)], ..lab.launch() };
    let launched = lab.run(request.clone()).await;
    let id = launched.instance_id.clone().expect("an id");
    assert_eq!((launched.private_ip_address.as_deref(), launched.public_ip_address.as_deref()), (Some("172.31.0.77"), None));
    let [first, second] = launched.network_interfaces.as_slice() else { panic!("{launched:?}") };
    assert_eq!(first.network_interface_id.as_ref(), Some(&mine));
    let kept = |one: &ec2::InstanceNetworkInterface| one.attachment.as_ref().and_then(|row| row.delete_on_termination) == Some(false);
    assert!(kept(first) && kept(second));
    let index = second.attachment.as_ref().and_then(|row| row.device_index);
    assert_eq!((second.description.as_deref(), second.private_ip_addresses.len(), index), (Some("second"), 2, Some(3)));
    assert_eq!(lab.code(request).await, ErrorCode::InvalidNetworkInterfaceInUse);
    agent.until_told("both", |told| told.instances.get(&id).is_some_and(|one| one.interfaces.len() == 2)).await;
    lab.until_state(&id, "running").await;

    lab.terminate(&id).await;
    lab.until_state(&id, "terminated").await;
    let left = lab.ok(ec2::DescribeNetworkInterfacesRequest::default()).await.network_interfaces;
    assert_eq!(left.iter().filter(|one| one.status.as_deref() == Some("available")).count(), 2, "they outlive it");

    // Another zone's is not for it.
    let zone = ec2::Filter { name: Some("availability-zone".into()), values: vec!["us-east-1b".into()] };
    let far = lab.ok(ec2::DescribeSubnetsRequest { filters: vec![zone], ..Default::default() }).await.subnets.remove(0).subnet_id;
    let far = ec2::InstanceNetworkInterfaceSpecification { subnet_id: far, ..at(1) };
    let near = ec2::InstanceNetworkInterfaceSpecification { subnet_id: subnets[0].subnet_id.clone(), ..at(0) };
    let apart = ec2::RunInstancesRequest { network_interfaces: vec![near, far], ..lab.launch() };
    assert_eq!(lab.code(apart).await, ErrorCode::InvalidParameterCombination);
}

#[tokio::test]
async fn every_refusal_has_aws_s_code_and_leaves_nothing() {
    let lab = Lab::new().await;
    let _agent = Agent::silent(&lab).await;
    lab.run(ec2::RunInstancesRequest { private_ip_address: Some("172.31.0.5".into()), ..lab.launch() }).await;
    let before = rows(&lab).await;
    let cases: &[(ErrorCode, Change)] = &[
        (ErrorCode::MissingParameter, |request| request.image_id = None),
        (ErrorCode::MissingParameter, |request| request.instance_type = Some(String::new())),
        (ErrorCode::InvalidAmiIdMalformed, |request| request.image_id = Some("ami-x".into())),
        (ErrorCode::InvalidAmiIdNotFound, |request| request.image_id = Some("ami-0123456789abcdef0".into())),
        (ErrorCode::InvalidParameterValue, |request| request.instance_type = Some("t3.wings".into())),
        (ErrorCode::InvalidParameterValue, |request| request.min_count = 0),
        (ErrorCode::InvalidParameterValue, |request| request.min_count = 2),
        (ErrorCode::InstanceLimitExceeded, |request| request.max_count = 1001),
        (ErrorCode::InvalidKeyPairNotFound, |request| request.key_name = Some("nobody".into())),
        (ErrorCode::InvalidUserDataMalformed, |request| request.user_data = Some("not base64!".into())),
        (ErrorCode::InvalidParameterValue, |request| request.user_data = Some(STANDARD.encode(vec![b'x'; 16 * 1024 + 1]))),
        (ErrorCode::InvalidSubnetIdMalformed, |request| request.subnet_id = Some("subnet".into())),
        (ErrorCode::InvalidSubnetIdNotFound, |request| request.subnet_id = Some("subnet-0123456789abcdef0".into())),
        (ErrorCode::InvalidGroupIdMalformed, |request| request.security_group_ids = vec!["sg".into()]),
        (ErrorCode::InvalidGroupNotFound, |request| request.security_group_ids = vec!["sg-0123456789abcdef0".into()]),
        (ErrorCode::InvalidGroupNotFound, |request| request.security_groups = vec!["nobody".into()]),
        (ErrorCode::InvalidIpAddressInUse, |request| request.private_ip_address = Some("172.31.0.5".into())),
        (ErrorCode::InvalidParameterValue, |request| request.private_ip_address = Some("10.0.0.5".into())),
        (ErrorCode::InvalidParameterValue, |request| request.private_ip_address = Some("172.31.0.3".into())),
        (ErrorCode::InvalidParameterValue, |request| request.private_ip_address = Some("host".into())),
        (ErrorCode::InvalidParameterCombination, |request| {
            (request.max_count, request.private_ip_address) = (2, Some("172.31.0.9".into()));
        }),
        (ErrorCode::InvalidParameterCombination, |request| {
            request.subnet_id = Some("subnet-0123456789abcdef0".into());
            request.network_interfaces = vec![ec2::InstanceNetworkInterfaceSpecification::default()];
        }),
        (ErrorCode::InvalidParameterValue, |request| {
            request.network_interfaces = vec![ec2::InstanceNetworkInterfaceSpecification::default(); 2];
        }),
        (ErrorCode::InvalidParameterValue, |request| request.network_interfaces = vec![at(1)]),
        (ErrorCode::InvalidParameterValue, |request| request.network_interfaces = vec![at(0), at(32)]),
        (ErrorCode::AttachmentLimitExceeded, |request| request.network_interfaces = vec![at(0), at(1), at(2)]),
        (ErrorCode::PrivateIpAddressLimitExceeded, |request| {
            let many = ec2::InstanceNetworkInterfaceSpecification { secondary_private_ip_address_count: Some(2), ..at(0) };
            request.network_interfaces = vec![many];
        }),
        (ErrorCode::InvalidParameterCombination, |request| {
            let public = ec2::InstanceNetworkInterfaceSpecification { associate_public_ip_address: Some(true), ..at(0) };
            request.network_interfaces = vec![public, at(1)];
        }),
        (ErrorCode::InvalidNetworkInterfaceIdMalformed, |request| request.network_interfaces = vec![existing(0, "eni-x")]),
        (ErrorCode::InvalidNetworkInterfaceIdNotFound, |request| request.network_interfaces = vec![existing(0, ABSENT)]),
        (ErrorCode::InvalidNetworkInterfaceIdNotFound, |request| request.network_interfaces = vec![at(0), existing(1, ABSENT)]),
        (ErrorCode::InvalidParameterCombination, |request| {
            let deleted = ec2::InstanceNetworkInterfaceSpecification { delete_on_termination: Some(true), ..existing(0, ABSENT) };
            request.network_interfaces = vec![deleted];
        }),
        (ErrorCode::InvalidParameterCombination, |request| {
            (request.max_count, request.network_interfaces) = (2, vec![existing(0, ABSENT)]);
        }),
        (ErrorCode::InvalidBlockDeviceMapping, |request| request.block_device_mappings = mapping(1)),
        (ErrorCode::InvalidBlockDeviceMapping, |request| request.block_device_mappings = mapping(100_000)),
        (ErrorCode::InsufficientInstanceCapacity, |request| request.block_device_mappings = mapping(10_000)),
        (ErrorCode::InvalidBlockDeviceMapping, |request| request.block_device_mappings = [mapping(9), mapping(9)].concat()),
        (ErrorCode::InvalidBlockDeviceMapping, |request| request.block_device_mappings = vec![ec2::BlockDeviceMapping::default(); 13]),
        (ErrorCode::InvalidParameterValue, |request| {
            request.placement = Some(ec2::Placement { availability_zone: Some("us-east-1z".into()), ..Default::default() });
        }),
        (ErrorCode::InsufficientInstanceCapacity, |request| {
            request.placement = Some(ec2::Placement { availability_zone: Some("us-east-1c".into()), ..Default::default() });
        }),
        (ErrorCode::InvalidParameterValue, |request| request.instance_initiated_shutdown_behavior = Some("explode".into())),
        (ErrorCode::InvalidParameterValue, |request| {
            request.metadata_options =
                Some(ec2::InstanceMetadataOptionsRequest { http_put_response_hop_limit: Some(65), ..Default::default() });
        }),
        (ErrorCode::InvalidParameterValue, |request| {
            request.metadata_options =
                Some(ec2::InstanceMetadataOptionsRequest { http_tokens: Some("maybe".into()), ..Default::default() });
        }),
        (ErrorCode::InvalidParameterValue, |request| request.tag_specifications = tagged("vpc", 1)),
        (ErrorCode::TagLimitExceeded, |request| request.tag_specifications = tagged("instance", 51)),
    ];
    for (code, change) in cases {
        let mut request = lab.launch();
        change(&mut request);
        assert_eq!(lab.code(request.clone()).await, *code, "{request:?}");
    }
    assert_eq!(rows(&lab).await, before, "nothing is left behind");
}

#[tokio::test]
async fn another_account_s_things_are_as_absent_as_none() {
    let lab = Lab::new().await;
    let _agent = Agent::silent(&lab).await;
    let launched = lab.run(lab.launch()).await;
    let absent = "0123456789abcdef0";
    let pairs: [(&str, String, Naming); 2] = [
        ("subnet-", launched.subnet_id.clone().expect("a subnet"), |request, id| request.subnet_id = Some(id)),
        ("sg-", launched.security_groups[0].group_id.clone().expect("a group"), |request, id| request.security_group_ids = vec![id]),
    ];
    for (prefix, foreign, set) in pairs {
        let mut answers = Vec::new();
        for id in [foreign, format!("{prefix}{absent}")] {
            let mut request = lab.launch();
            set(&mut request, id.clone());
            let fault = lab.call(BOB, request).await.expect_err("not Bob's");
            answers.push((fault.code, fault.message.replace(&id, "ID")));
        }
        assert_eq!(answers[0], answers[1]);
    }
    assert!(lab.call(ALICE, ec2::DescribeInstancesRequest::default()).await.expect("Alice's").reservations.len() == 1);
    assert!(lab.call(BOB, ec2::DescribeInstancesRequest::default()).await.expect("Bob's").reservations.is_empty());
}

type Naming = fn(&mut ec2::RunInstancesRequest, String);
