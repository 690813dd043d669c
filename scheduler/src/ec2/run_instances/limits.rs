//! What only runs out or clashes: pools, subnets, networks and quotas.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;
use freehold_proto::id::{SecurityGroupId, VpcId};
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel};

use crate::lab::{ALICE, Agent, Lab};
use crate::store::{Tx, security_group, vpc};

async fn default_vpc(tx: &Tx) -> vpc::Model {
    let vpcs = vpc::Entity::find().all(tx.db()).await.expect("vpcs");
    vpcs.into_iter().find(|vpc| vpc.account_id == ALICE).expect("Alice's default VPC")
}

async fn add_group(tx: &Tx, vpc_id: &str, name: &str) -> String {
    let row = security_group::Model {
        group_id: SecurityGroupId::draw(tx.entropy()).into(),
        account_id: ALICE.into(),
        vpc_id: vpc_id.into(),
        group_name: name.into(),
        description: name.into(),
        generation: 1,
        created: tx.now(),
    };
    row.into_active_model().insert(tx.db()).await.expect("a group").group_id
}

#[tokio::test]
async fn a_used_up_pool_of_public_addresses_is_insufficient_address_capacity() {
    let lab = Lab::with(|config| config.public_addresses = "198.18.0.0/30".parse().expect("a pool")).await;
    let _agent = Agent::obedient(&lab).await;
    let first = lab.run(lab.launch()).await.instance_id.expect("an id");
    lab.run(lab.launch()).await;
    assert_eq!(lab.code(lab.launch()).await, ErrorCode::InsufficientAddressCapacity);
    lab.until_state(&first, "running").await;
    lab.stop(&first).await;
    lab.until_state(&first, "stopped").await;
    lab.run(lab.launch()).await;
    let start = ec2::StartInstancesRequest { instance_ids: vec![first.clone()], ..Default::default() };
    assert_eq!(lab.code(start).await, ErrorCode::InsufficientAddressCapacity, "what a stop gave back somebody else has now");
    assert_eq!(lab.state(&first).await, "stopped");
}

#[tokio::test]
async fn a_full_subnet_is_insufficient_free_addresses() {
    let lab = Lab::new().await;
    let _agent = Agent::silent(&lab).await;
    let vpc = lab.ok(ec2::DescribeVpcsRequest::default()).await.vpcs.remove(0);
    let request = ec2::CreateSubnetRequest {
        vpc_id: vpc.vpc_id.expect("an id"),
        cidr_block: Some("172.31.240.0/28".into()),
        availability_zone: Some("us-east-1a".into()),
        ..Default::default()
    };
    let subnet_id = lab.ok(request).await.subnet.expect("a subnet").subnet_id.expect("an id");
    let launch =
        |count: i32| ec2::RunInstancesRequest { subnet_id: Some(subnet_id.clone()), min_count: count, max_count: count, ..lab.launch() };
    assert_eq!(lab.code(launch(12)).await, ErrorCode::InsufficientFreeAddressesInSubnet);
    let launched = lab.ok(launch(11)).await.instances;
    assert!(launched.iter().all(|instance| instance.public_ip_address.is_none()), "the subnet says so");
}

#[tokio::test]
async fn groups_of_another_network_and_too_many_groups_are_refused() {
    let lab = Lab::new().await;
    let _agent = Agent::silent(&lab).await;
    let tx = lab.store().begin(ALICE).await.expect("begin");
    let own = default_vpc(&tx).await;
    let other = vpc::Model { vpc_id: VpcId::draw(tx.entropy()).into(), is_default: false, vni: own.vni + 1000, ..own.clone() };
    let other = other.into_active_model().insert(tx.db()).await.expect("a vpc").vpc_id;
    let foreign = add_group(&tx, &other, "foreign").await;
    let mut many = Vec::new();
    for n in 0..6 {
        many.push(add_group(&tx, &own.vpc_id, &format!("g{n}")).await);
    }
    tx.commit().await.expect("commit");
    let with = |groups: Vec<String>| ec2::RunInstancesRequest { security_group_ids: groups, ..lab.launch() };
    assert_eq!(lab.code(with(vec![foreign])).await, ErrorCode::InvalidParameter);
    assert_eq!(lab.code(with(many.clone())).await, ErrorCode::SecurityGroupsPerInterfaceLimitExceeded);
    many.truncate(5);
    assert_eq!(lab.run(with(many)).await.security_groups.len(), 5);
}

#[tokio::test]
async fn without_a_default_vpc_a_subnet_must_be_named() {
    let lab = Lab::new().await;
    let _agent = Agent::silent(&lab).await;
    let tx = lab.store().begin(ALICE).await.expect("begin");
    let vpc = vpc::Model { is_default: false, ..default_vpc(&tx).await };
    vpc.into_active_model().reset_all().update(tx.db()).await.expect("updated");
    tx.commit().await.expect("commit");
    assert_eq!(lab.code(lab.launch()).await, ErrorCode::VpcIdNotSpecified);
}

#[tokio::test]
async fn a_network_goes_when_what_was_in_it_has_ended_and_is_still_shown() {
    let lab = Lab::new().await;
    let _agent = Agent::obedient(&lab).await;
    let vpc = lab.ok(ec2::CreateVpcRequest { cidr_block: Some("10.0.0.0/16".into()), ..Default::default() }).await.vpc.expect("a VPC");
    let vpc_id = vpc.vpc_id.expect("an id");
    let subnet = ec2::CreateSubnetRequest { vpc_id: vpc_id.clone(), cidr_block: Some("10.0.0.0/24".into()), ..Default::default() };
    let subnet_id = lab.ok(subnet).await.subnet.expect("a subnet").subnet_id.expect("an id");
    let launched = lab.run(ec2::RunInstancesRequest { subnet_id: Some(subnet_id.clone()), ..lab.launch() }).await;
    assert_eq!((launched.vpc_id.as_ref(), launched.public_ip_address), (Some(&vpc_id), None));
    let id = launched.instance_id.expect("an id");
    lab.until_state(&id, "running").await;
    let delete_subnet = |id: &str| ec2::DeleteSubnetRequest { subnet_id: id.into(), dry_run: None };
    let delete_vpc = || ec2::DeleteVpcRequest { vpc_id: vpc_id.clone(), dry_run: None };
    assert_eq!(lab.code(delete_subnet(&subnet_id)).await, ErrorCode::DependencyViolation);
    let of_default = lab.ok(ec2::DescribeInternetGatewaysRequest::default()).await.internet_gateways.remove(0);
    let detach = ec2::DetachInternetGatewayRequest {
        internet_gateway_id: of_default.internet_gateway_id.expect("an id"),
        vpc_id: of_default.attachments[0].vpc_id.clone().expect("an id"),
        dry_run: None,
    };
    lab.run(lab.launch()).await;
    assert_eq!(lab.code(detach).await, ErrorCode::DependencyViolation, "a guest of the default VPC has a public address");
    assert_eq!(lab.code(delete_subnet("")).await, ErrorCode::MissingParameter);
    assert_eq!(lab.code(delete_subnet("subnet-zzz")).await, ErrorCode::InvalidSubnetIdMalformed);
    assert_eq!(lab.code(delete_subnet("subnet-0123456789abcdef0")).await, ErrorCode::InvalidSubnetIdNotFound);
    lab.ok(ec2::TerminateInstancesRequest { instance_ids: vec![id.clone()], ..Default::default() }).await;
    lab.until_state(&id, "terminated").await;
    lab.ok(delete_subnet(&subnet_id)).await;
    lab.ok(delete_vpc()).await;
    assert_eq!(lab.code(delete_vpc()).await, ErrorCode::InvalidVpcIdNotFound);
    assert_eq!(lab.state(&id).await, "terminated");
}
