//! What only runs out or clashes: pools, subnets, networks and quotas.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;
use freehold_proto::id::{SecurityGroupId, SubnetId, VpcId};
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel};

use crate::lab::{ALICE, Agent, Lab};
use crate::store::{Tx, security_group, subnet, vpc};

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
    let tx = lab.store().begin(ALICE).await.expect("begin");
    let row = subnet::Model {
        subnet_id: SubnetId::draw(tx.entropy()).into(),
        account_id: ALICE.into(),
        vpc_id: default_vpc(&tx).await.vpc_id,
        availability_zone: "us-east-1a".into(),
        cidr_block: "172.31.240.0/28".into(),
        default_for_az: false,
        map_public_ip_on_launch: false,
        created: tx.now(),
    };
    let subnet_id = row.into_active_model().insert(tx.db()).await.expect("a subnet").subnet_id;
    tx.commit().await.expect("commit");
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
