//! What groups of peered VPCs say of each other: who names a group, which rules lead nowhere any more, and which groups a VPC has.

use super::network_refusals::new_vpc;
use super::refusals::{refuse_pages, strings};
use super::*;
use crate::store::vpc_peering_connection;
use sea_orm::EntityTrait;

fn references(ids: &[&str]) -> ec2::DescribeSecurityGroupReferencesRequest {
    ec2::DescribeSecurityGroupReferencesRequest { group_id: strings(ids), dry_run: None }
}

fn stale(vpc: &str) -> ec2::DescribeStaleSecurityGroupsRequest {
    ec2::DescribeStaleSecurityGroupsRequest { vpc_id: vpc.into(), ..Default::default() }
}

fn for_vpc(vpc: &str) -> ec2::GetSecurityGroupsForVpcRequest {
    ec2::GetSecurityGroupsForVpcRequest { vpc_id: vpc.into(), ..Default::default() }
}

pub async fn refusals(bench: &Bench) {
    bench.refused(ErrorCode::MissingParameter, references(&[])).await;
    bench.refused(ErrorCode::InvalidGroupIdMalformed, references(&["sg-zzz"])).await;
    bench.refused(ErrorCode::InvalidGroupNotFound, references(&["sg-0123456789abcdef0"])).await;
    refuse_pages!(bench, DescribeStaleSecurityGroupsRequest);
    bench.refused(ErrorCode::MissingParameter, stale("")).await;
    bench.refused(ErrorCode::InvalidVpcIdMalformed, stale("vpc-zzz")).await;
    bench.refused(ErrorCode::InvalidVpcIdNotFound, stale("vpc-0123456789abcdef0")).await;
    let vpc = new_vpc(bench, "10.91.0.0/16").await.vpc_id.expect("an id");
    refuse_pages!(bench, GetSecurityGroupsForVpcRequest);
    let filtered =
        |name: &str, values: &[&str]| ec2::GetSecurityGroupsForVpcRequest { filters: vec![filter(name, values)], ..for_vpc(&vpc) };
    bench.refused(ErrorCode::InvalidParameterValue, filtered("vpc-id", &["x"])).await;
    bench.refused(ErrorCode::FilterLimitExceeded, filtered("group-id", &["x"; 201])).await;
    bench.refused(ErrorCode::MissingParameter, for_vpc("")).await;
    bench.refused(ErrorCode::InvalidVpcIdMalformed, for_vpc("vpc-zzz")).await;
    bench.refused(ErrorCode::InvalidVpcIdNotFound, for_vpc("vpc-0123456789abcdef0")).await;
    assert_eq!(bench.ask(TWO, for_vpc(&vpc)).await.expect_err("foreign").code, ErrorCode::InvalidVpcIdNotFound);
    assert_eq!(bench.ask(TWO, stale(&vpc)).await.expect_err("foreign").code, ErrorCode::InvalidVpcIdNotFound);
}

async fn vpc(bench: &Bench, account: &str, block: &str) -> String {
    let request = ec2::CreateVpcRequest { cidr_block: Some(block.into()), ..Default::default() };
    bench.ask(account, request).await.expect("a VPC").vpc.expect("a VPC").vpc_id.expect("an id")
}

async fn group(bench: &Bench, account: &str, vpc: &str) -> String {
    let request = ec2::CreateSecurityGroupRequest {
        group_name: "of-a-test".into(),
        description: "x".into(),
        vpc_id: Some(vpc.into()),
        ..Default::default()
    };
    bench.ask(account, request).await.expect("a group").group_id.expect("an id")
}

/// Who names the other account's group, and what is left when the connection ends.
#[tokio::test]
async fn a_rule_is_shown_to_whom_it_names_and_is_stale_once_the_connection_has_ended() {
    let bench = Bench::new().await;
    let (mine, theirs) = (vpc(&bench, ONE, "10.1.0.0/16").await, vpc(&bench, TWO, "10.2.0.0/16").await);
    let (own, foreign) = (group(&bench, ONE, &mine).await, group(&bench, TWO, &theirs).await);
    let request = ec2::CreateVpcPeeringConnectionRequest {
        vpc_id: mine.clone(),
        peer_vpc_id: Some(theirs.clone()),
        peer_owner_id: Some(TWO.into()),
        ..Default::default()
    };
    let id = bench.get(request).await.vpc_peering_connection.expect("a connection").vpc_peering_connection_id.expect("an id");
    let accept = ec2::AcceptVpcPeeringConnectionRequest { vpc_peering_connection_id: id.clone(), dry_run: None };
    bench.ask(TWO, accept).await.expect("accepted");
    let pair = |group: &str| ec2::UserIdGroupPair { group_id: Some(group.into()), ..Default::default() };
    let permission = |pairs: &[&str]| ec2::IpPermission {
        ip_protocol: Some("tcp".into()),
        from_port: Some(22),
        to_port: Some(23),
        user_id_group_pairs: pairs.iter().map(|group| pair(group)).collect(),
        ..Default::default()
    };
    let authorize = ec2::AuthorizeSecurityGroupIngressRequest {
        group_id: Some(own.clone()),
        ip_permissions: vec![permission(&[&foreign, &own])],
        ..Default::default()
    };
    bench.get(authorize).await;

    let referencing = || async { bench.ask(TWO, references(&[&foreign])).await.expect("an answer").security_group_reference_set };
    let expected = ec2::SecurityGroupReference {
        group_id: Some(foreign.clone()),
        referencing_vpc_id: Some(mine.clone()),
        vpc_peering_connection_id: Some(id.clone()),
        transit_gateway_id: None,
    };
    assert_eq!(referencing().await, [expected]);
    assert_eq!(bench.get(references(&[&own])).await.security_group_reference_set, [], "a group of the same VPC is no reference");
    assert_eq!(bench.get(stale(&mine)).await.stale_security_group_set, []);

    let end = ec2::DeleteVpcPeeringConnectionRequest { vpc_peering_connection_id: id.clone(), dry_run: None };
    bench.ask(TWO, end).await.expect("deleted");
    assert_eq!(referencing().await, []);
    let [shown] = bench.get(stale(&mine)).await.stale_security_group_set.try_into().expect("one group");
    assert_eq!((shown.group_id.as_deref(), shown.vpc_id.as_deref()), (Some(own.as_str()), Some(mine.as_str())));
    assert_eq!(shown.stale_ip_permissions_egress, []);
    let [permission] = shown.stale_ip_permissions.try_into().expect("one permission");
    assert_eq!((permission.ip_protocol.as_deref(), permission.from_port, permission.to_port), (Some("tcp"), Some(22), Some(23)));
    let [pair] = permission.user_id_group_pairs.try_into().expect("the foreign one alone");
    assert_eq!((pair.group_id, pair.peering_status.as_deref()), (Some(foreign.clone()), Some("deleted")));
    assert_eq!((pair.vpc_id, pair.vpc_peering_connection_id), (Some(theirs.clone()), Some(id.clone())));
    assert_eq!(bench.ask(TWO, stale(&theirs)).await.expect("an answer").stale_security_group_set, []);

    // It stays stale when nobody remembers the connection.
    let tx = bench.scheduler.store().begin(ONE).await.expect("a transaction");
    vpc_peering_connection::Entity::delete_by_id(&id).exec(tx.db()).await.expect("gone");
    tx.commit().await.expect("committed");
    assert_eq!(bench.get(stale(&mine)).await.stale_security_group_set.len(), 1);
    let remove = ec2::DeleteSecurityGroupRequest { group_id: Some(foreign), ..Default::default() };
    bench.ask(TWO, remove).await.expect("deleted");
    assert_eq!(bench.get(stale(&mine)).await.stale_security_group_set, [], "the rule went with what it named");
}

#[tokio::test]
async fn a_vpc_s_groups_are_its_own() {
    let bench = Bench::new().await;
    let vpc = vpc(&bench, ONE, "10.1.0.0/16").await;
    let made = group(&bench, ONE, &vpc).await;
    let named = |name: &str| ec2::GetSecurityGroupsForVpcRequest { filters: vec![filter("group-name", &[name])], ..for_vpc(&vpc) };
    let [found] = bench.get(named("of-a-test")).await.security_group_for_vpcs.try_into().expect("one");
    let expected = ec2::SecurityGroupForVpc {
        description: Some("x".into()),
        group_name: Some("of-a-test".into()),
        owner_id: Some(ONE.into()),
        group_id: Some(made),
        tags: Vec::new(),
        primary_vpc_id: Some(vpc.clone()),
    };
    assert_eq!(found, expected);
    assert_eq!(bench.get(for_vpc(&vpc)).await.security_group_for_vpcs.len(), 2, "its default group, too");
}
