//! VPC peering: every code that its actions declare, who may do what in which state, and what routes, groups and hosts have of it.

use std::time::Duration;

use freehold_proto::internal::host::{PeeringDesired, ResourceKind, route_desired};
use sea_orm::{EntityTrait, IntoActiveModel};

use super::network_refusals::{new_vpc, subnet_of, too_many_tags};
use super::refusals::{refuse_filters, refuse_ids, refuse_pages, strings};
use super::*;
use crate::lab::{ALICE, Agent, BOB, Lab, Told, hello};
use crate::network::peering::{MOST_ACTIVE, MOST_OUTSTANDING};
use crate::reconcile::{SettlePeerings, pass};
use crate::store::vpc_peering_connection;

const ABSENT: &str = "pcx-0123456789abcdef0";

fn request(vpc_id: &str, peer: &str) -> ec2::CreateVpcPeeringConnectionRequest {
    ec2::CreateVpcPeeringConnectionRequest { vpc_id: vpc_id.into(), peer_vpc_id: Some(peer.into()), ..Default::default() }
}

fn accept(id: &str) -> ec2::AcceptVpcPeeringConnectionRequest {
    ec2::AcceptVpcPeeringConnectionRequest { vpc_peering_connection_id: id.into(), dry_run: None }
}

fn reject(id: &str) -> ec2::RejectVpcPeeringConnectionRequest {
    ec2::RejectVpcPeeringConnectionRequest { vpc_peering_connection_id: id.into(), dry_run: None }
}

fn delete(id: &str) -> ec2::DeleteVpcPeeringConnectionRequest {
    ec2::DeleteVpcPeeringConnectionRequest { vpc_peering_connection_id: id.into(), dry_run: None }
}

/// Says of the requester's VPC whether its public names mean private addresses to the other.
fn options(id: &str, answers: bool) -> ec2::ModifyVpcPeeringConnectionOptionsRequest {
    let said = ec2::PeeringConnectionOptionsRequest { allow_dns_resolution_from_remote_vpc: Some(answers), ..Default::default() };
    ec2::ModifyVpcPeeringConnectionOptionsRequest {
        vpc_peering_connection_id: id.into(),
        requester_peering_connection_options: Some(said),
        ..Default::default()
    }
}

fn id_of(connection: Option<ec2::VpcPeeringConnection>) -> String {
    connection.expect("a connection").vpc_peering_connection_id.expect("an id")
}

fn code(connection: &ec2::VpcPeeringConnection) -> &str {
    connection.status.as_ref().and_then(|status| status.code.as_deref()).expect("a status")
}

async fn vpc(bench: &Bench, block: &str) -> String {
    new_vpc(bench, block).await.vpc_id.expect("an id")
}

async fn requested(bench: &Bench, one: &str, other: &str) -> String {
    id_of(bench.get(request(one, other)).await.vpc_peering_connection)
}

pub async fn refusals(bench: &Bench) {
    refuse_filters!(bench, DescribeVpcPeeringConnectionsRequest, "status-code");
    refuse_pages!(bench, DescribeVpcPeeringConnectionsRequest);
    refuse_ids!(
        bench,
        DescribeVpcPeeringConnectionsRequest,
        vpc_peering_connection_ids,
        "pcx",
        InvalidVpcPeeringConnectionIdMalformed,
        InvalidVpcPeeringConnectionIdNotFound
    );
    let [one, other] = [vpc(bench, "10.61.0.0/16").await, vpc(bench, "10.62.0.0/16").await];
    let third = vpc(bench, "10.63.0.0/16").await;
    bench.refused(ErrorCode::MissingParameter, request("", &other)).await;
    bench.refused(ErrorCode::MissingParameter, request(&one, "")).await;
    bench.refused(ErrorCode::InvalidVpcIdMalformed, request(&one, "vpc-zzz")).await;
    bench.refused(ErrorCode::InvalidVpcIdNotFound, request("vpc-0123456789abcdef0", &other)).await;
    let abroad = ec2::CreateVpcPeeringConnectionRequest { peer_region: Some("eu-west-1".into()), ..request(&one, &other) };
    bench.refused(ErrorCode::InvalidParameterValue, abroad).await;
    let tags = too_many_tags("vpc-peering-connection");
    let tagged = ec2::CreateVpcPeeringConnectionRequest { tag_specifications: tags, ..request(&one, &other) };
    bench.refused(ErrorCode::TagLimitExceeded, tagged).await;
    let id = requested(bench, &one, &other).await;
    bench.refused(ErrorCode::VpcPeeringConnectionAlreadyExists, request(&one, &other)).await;
    bench.refused(ErrorCode::VpcPeeringConnectionAlreadyExists, request(&other, &one)).await;
    named(bench).await;
    states(bench, &id).await;
    limits(bench, &one, &third).await;
}

/// What each action says of ids.
async fn named(bench: &Bench) {
    macro_rules! each {
        ($($ask:expr),+) => {$(
            bench.refused(ErrorCode::MissingParameter, $ask("")).await;
            bench.refused(ErrorCode::InvalidVpcPeeringConnectionIdMalformed, $ask("pcx-zzz")).await;
            bench.refused(ErrorCode::InvalidVpcPeeringConnectionIdNotFound, $ask(ABSENT)).await;
        )+};
    }
    let nothing = |id: &str| ec2::ModifyVpcPeeringConnectionOptionsRequest { vpc_peering_connection_id: id.into(), ..Default::default() };
    each!(accept, reject, delete, nothing);
}

async fn states(bench: &Bench, id: &str) {
    bench.refused(ErrorCode::OperationNotPermitted, options(id, true)).await;
    let asked = ec2::ModifyVpcPeeringConnectionOptionsRequest { requester_peering_connection_options: None, ..options(id, true) };
    bench.refused(ErrorCode::MissingParameter, asked).await;
    bench.get(delete(id)).await;
    bench.refused(ErrorCode::InvalidStateTransition, accept(id)).await;
    bench.refused(ErrorCode::InvalidStateTransition, reject(id)).await;
    bench.refused(ErrorCode::InvalidStateTransition, delete(id)).await;

    // Another account's: it is asked, and who asks can not answer.
    let theirs = ec2::CreateVpcRequest { cidr_block: Some("10.64.0.0/16".into()), ..Default::default() };
    let theirs = bench.ask(TWO, theirs).await.expect("a VPC").vpc.expect("a VPC").vpc_id.expect("an id");
    let ours = vpc(bench, "10.65.0.0/16").await;
    let asked = ec2::CreateVpcPeeringConnectionRequest { peer_owner_id: Some(TWO.into()), ..request(&ours, &theirs) };
    let asked = id_of(bench.get(asked).await.vpc_peering_connection);
    bench.refused(ErrorCode::OperationNotPermitted, accept(&asked)).await;
    bench.refused(ErrorCode::OperationNotPermitted, reject(&asked)).await;
    let asking =
        ec2::CreateVpcPeeringConnectionRequest { peer_owner_id: Some(ONE.into()), ..request(&theirs, &vpc(bench, "10.66.0.0/16").await) };
    let asking = id_of(bench.ask(TWO, asking).await.expect("a request").vpc_peering_connection);
    bench.refused(ErrorCode::OperationNotPermitted, delete(&asking)).await;
    bench.get(reject(&asking)).await;
}

async fn limits(bench: &Bench, one: &str, third: &str) {
    let id = requested(bench, one, third).await;
    let store = bench.scheduler.store();
    let row = vpc_peering_connection::Entity::find_by_id(&id).one(store.reader()).await.expect("a read").expect("a row");
    let like = |n: u64, status: &str| vpc_peering_connection::Model {
        vpc_peering_connection_id: format!("pcx-{n:017x}"),
        accepter_vpc_id: format!("vpc-{n:017x}"),
        status: status.into(),
        ..row.clone()
    };
    let rows = |n: std::ops::Range<u64>, status: &str| n.map(|n| like(n, status).into_active_model()).collect();
    bench.insert::<vpc_peering_connection::Entity>(rows(0..MOST_OUTSTANDING - 1, "pending-acceptance")).await;
    bench.refused(ErrorCode::OutstandingVpcPeeringConnectionLimitExceeded, request(one, &vpc(bench, "10.67.0.0/16").await)).await;
    bench.insert::<vpc_peering_connection::Entity>(rows(1_000..1_000 + MOST_ACTIVE, "active")).await;
    bench.refused(ErrorCode::ActiveVpcPeeringConnectionPerVpcLimitExceeded, accept(&id)).await;
}

#[tokio::test]
async fn a_request_that_nobody_can_accept_has_failed_and_is_its_requester_s_alone() {
    let bench = Bench::new().await;
    let one = vpc(&bench, "10.1.0.0/16").await;
    let same = vpc(&bench, "10.1.128.0/17").await;
    let theirs = bench.ask(TWO, ec2::CreateVpcRequest { cidr_block: Some("10.2.0.0/16".into()), ..Default::default() }).await;
    let theirs = theirs.expect("a VPC").vpc.expect("a VPC").vpc_id.expect("an id");
    for peer in [&one, &same, &theirs, "vpc-0123456789abcdef0"] {
        let made = bench.get(request(&one, peer)).await.vpc_peering_connection.expect("a connection");
        assert_eq!(code(&made), "failed", "{peer}");
        let id = made.vpc_peering_connection_id.expect("an id");
        bench.ask(ONE, accept(&id)).await.expect_err("it has failed");
        assert_eq!(bench.ask(ONE, delete(&id)).await.expect_err("failed").code, ErrorCode::InvalidStateTransition);
    }
    let seen = bench.ask(TWO, ec2::DescribeVpcPeeringConnectionsRequest::default()).await.expect("an answer");
    assert_eq!(seen.vpc_peering_connections, []);
    // A block that comes later is asked about, too.
    let other = vpc(&bench, "10.3.0.0/16").await;
    let id = requested(&bench, &one, &other).await;
    let add = |vpc_id: &str, block: &str| ec2::AssociateVpcCidrBlockRequest {
        vpc_id: vpc_id.into(),
        cidr_block: Some(block.into()),
        ..Default::default()
    };
    assert_eq!(bench.ask(ONE, add(&other, "10.1.0.0/24")).await.expect_err("an overlap").code, ErrorCode::InvalidVpcRange);
    bench.get(add(&other, "10.4.0.0/24")).await;
    bench.get(accept(&id)).await;
    let shown = bench.get(ec2::DescribeVpcPeeringConnectionsRequest { vpc_peering_connection_ids: vec![id], ..Default::default() }).await;
    let blocks = shown.vpc_peering_connections[0].accepter_vpc_info.clone().expect("a side").cidr_block_set;
    let blocks: Vec<_> = blocks.into_iter().filter_map(|block| block.cidr_block).collect();
    assert_eq!(blocks, ["10.3.0.0/16", "10.4.0.0/24"]);
}

#[tokio::test]
async fn a_vpc_takes_its_connections_along_and_leaves_no_request_without_an_answer() {
    let bench = Bench::new().await;
    let [one, other] = [vpc(&bench, "10.1.0.0/16").await, vpc(&bench, "10.2.0.0/16").await];
    let theirs = bench.ask(TWO, ec2::CreateVpcRequest { cidr_block: Some("10.3.0.0/16".into()), ..Default::default() }).await;
    let theirs = theirs.expect("a VPC").vpc.expect("a VPC").vpc_id.expect("an id");
    let id = requested(&bench, &one, &other).await;
    bench.get(accept(&id)).await;
    let asking = ec2::CreateVpcPeeringConnectionRequest { peer_owner_id: Some(ONE.into()), ..request(&theirs, &one) };
    let asking = id_of(bench.ask(TWO, asking).await.expect("a request").vpc_peering_connection);
    let remove = ec2::DeleteVpcRequest { vpc_id: one.clone(), dry_run: None };
    assert_eq!(bench.ask(ONE, remove.clone()).await.expect_err("asked").code, ErrorCode::DependencyViolation);
    bench.get(reject(&asking)).await;
    bench.get(remove).await;
    let shown = bench.get(ec2::DescribeVpcPeeringConnectionsRequest { vpc_peering_connection_ids: vec![id], ..Default::default() }).await;
    assert_eq!(code(&shown.vpc_peering_connections[0]), "deleted");
    bench.get(ec2::DeleteVpcRequest { vpc_id: other, dry_run: None }).await;
}

#[tokio::test]
async fn each_side_sees_it_with_tags_of_its_own_until_its_end_is_old_news() {
    let lab = Lab::new().await;
    let mine = lab.ok(ec2::CreateVpcRequest { cidr_block: Some("10.1.0.0/16".into()), ..Default::default() }).await;
    let mine = mine.vpc.expect("a VPC").vpc_id.expect("an id");
    let theirs = lab.call(BOB, ec2::CreateVpcRequest { cidr_block: Some("10.2.0.0/16".into()), ..Default::default() }).await;
    let theirs = theirs.expect("a VPC").vpc.expect("a VPC").vpc_id.expect("an id");
    let asked = ec2::CreateVpcPeeringConnectionRequest {
        peer_owner_id: Some(BOB.into()),
        tag_specifications: tagged("vpc-peering-connection", &[("side", "mine")]),
        ..request(&mine, &theirs)
    };
    let made = lab.ok(asked).await.vpc_peering_connection.expect("a connection");
    assert_eq!((code(&made), made.tags.len()), ("pending-acceptance", 1));
    assert_eq!(made.status.as_ref().and_then(|status| status.message.as_deref()), Some("Pending Acceptance by 444455556666"));
    assert!(made.expiration_time.is_some());
    let id = made.vpc_peering_connection_id.expect("an id");
    let of = async |account: &str| {
        let asked = ec2::DescribeVpcPeeringConnectionsRequest { vpc_peering_connection_ids: vec![id.clone()], ..Default::default() };
        lab.call(account, asked).await.map(|shown| shown.vpc_peering_connections[0].clone()).map_err(|fault| fault.code)
    };
    let seen = of(BOB).await.expect("asked");
    assert_eq!(seen.tags, []);
    assert_eq!(seen.accepter_vpc_info.expect("a side").cidr_block, None, "who has agreed to nothing shows nothing");
    assert_eq!(seen.requester_vpc_info.expect("a side").cidr_block.as_deref(), Some("10.1.0.0/16"));
    lab.call(BOB, accept(&id)).await.expect("accepted");
    lab.call(BOB, ec2::CreateTagsRequest { resources: vec![id.clone()], tags: vec![tag("side", "theirs")], dry_run: None })
        .await
        .expect("tagged");
    assert_eq!(lab.call(BOB, options(&id, true)).await.expect_err("not his side").code, ErrorCode::OperationNotPermitted);
    lab.ok(options(&id, true)).await;
    let seen = of(BOB).await.expect("seen");
    assert_eq!((code(&seen), seen.tags[0].value.as_deref()), ("active", Some("theirs")));
    let answers = |side: Option<ec2::VpcPeeringConnectionVpcInfo>| side?.peering_options?.allow_dns_resolution_from_remote_vpc;
    assert_eq!((answers(seen.requester_vpc_info), answers(seen.accepter_vpc_info)), (Some(true), Some(false)));

    lab.ok(delete(&id)).await;
    let status = of(BOB).await.expect("seen").status.expect("a status");
    assert_eq!(status.message.as_deref(), Some("Deleted by 111122223333"));
    lab.clock.advance(Duration::from_hours(2));
    assert_eq!(pass(&SettlePeerings, lab.store()).await.expect("a pass"), 1);
    assert_eq!(of(ALICE).await.expect_err("old news"), ErrorCode::InvalidVpcPeeringConnectionIdNotFound);
    assert_eq!(code(&of(BOB).await.expect("for two days")), "deleted");
    lab.clock.advance(Duration::from_hours(46));
    assert_eq!(pass(&SettlePeerings, lab.store()).await.expect("a pass"), 1);
    of(BOB).await.expect_err("old news");
    let tags = crate::store::tag::Entity::find().all(lab.store().reader()).await.expect("rows");
    assert!(tags.iter().all(|row| row.resource_id != id), "{tags:?}");
}

/// Two hosts with an instance on each, the one in the default VPC, the other in a VPC of its own.
struct Two {
    lab: Lab,
    hosts: [Agent; 2],
    vpcs: [String; 2],
    instances: [String; 2],
}

async fn two() -> Two {
    let lab = Lab::new().await;
    let host = async |n: u8| {
        let hello = freehold_proto::internal::host::Hello { tunnel_address: format!("192.0.2.{n}"), ..hello(&format!("host-{n:017x}")) };
        Agent::attend(&lab, hello, true).await
    };
    let hosts = [host(1).await, host(2).await];
    let first = lab.run(lab.launch()).await;
    let vpc = lab.ok(ec2::CreateVpcRequest { cidr_block: Some("10.9.0.0/16".into()), ..Default::default() }).await;
    let vpc = vpc.vpc.expect("a VPC").vpc_id.expect("an id");
    let subnet = lab.ok(subnet_of(&vpc, "10.9.0.0/24")).await.subnet.expect("a subnet").subnet_id;
    let second = lab.run(ec2::RunInstancesRequest { subnet_id: subnet, ..lab.launch() }).await;
    let instances = [&first, &second].map(|instance| instance.instance_id.clone().expect("an id"));
    for id in &instances {
        lab.until_state(id, "running").await;
    }
    let [one, other] = hosts;
    let hosts = if one.told().instances.contains_key(&instances[0]) { [one, other] } else { [other, one] };
    Two { vpcs: [first.vpc_id.expect("an id"), vpc], lab, hosts, instances }
}

/// Whether a host is told of a peering from a VPC to another, and of both.
fn peered(told: &Told, id: &str, vpcs: &[String; 2]) -> bool {
    let says = |from: &String, to: &String| {
        let said = PeeringDesired { vpc_peering_connection_id: id.into(), peer_vpc_id: to.clone(), answers_public_names: false };
        told.vpcs.get(from).is_some_and(|vpc| vpc.peerings == [said])
    };
    says(&vpcs[0], &vpcs[1]) && says(&vpcs[1], &vpcs[0])
}

#[tokio::test]
async fn hosts_of_either_vpc_are_told_of_both_while_the_connection_is_active() {
    let Two { lab, hosts, vpcs, instances } = two().await;
    let main = ec2::DescribeRouteTablesRequest { filters: vec![filter("vpc-id", &[vpcs[0].as_str()])], ..Default::default() };
    let table = lab.ok(main).await.route_tables.remove(0).route_table_id.expect("an id");
    let id = id_of(lab.ok(request(&vpcs[0], &vpcs[1])).await.vpc_peering_connection);
    let route = ec2::CreateRouteRequest {
        route_table_id: table.clone(),
        destination_cidr_block: Some("10.9.0.0/16".into()),
        vpc_peering_connection_id: Some(id.clone()),
        ..Default::default()
    };
    lab.ok(route.clone()).await;
    let state = async || {
        let shown = lab.ok(ec2::DescribeRouteTablesRequest { route_table_ids: vec![table.clone()], ..Default::default() }).await;
        let route = shown.route_tables[0].routes.iter().find(|route| route.vpc_peering_connection_id.is_some()).cloned();
        route.and_then(|route| route.state).expect("a state")
    };
    assert_eq!(state().await, "blackhole", "nobody has accepted yet");
    for host in &hosts {
        assert_eq!(host.told().vpcs.len(), 1);
    }
    lab.ok(accept(&id)).await;
    assert_eq!(state().await, "active");
    for (host, other) in [(&hosts[0], &instances[1]), (&hosts[1], &instances[0])] {
        // A statement is read part by part, so what was committed meanwhile may be half in the one before.
        let leads = |told: &Told| {
            let routes = told.vpcs[&vpcs[0]].route_tables.iter().flat_map(|table| &table.routes);
            routes.filter(|route| route.target == Some(route_desired::Target::VpcPeeringConnectionId(id.clone()))).count()
        };
        let whole = |told: &Told| peered(told, &id, &vpcs) && told.elsewhere.len() == 1 && leads(told) == 1;
        let told = host.until_told("both VPCs, with the route", whole).await;
        let there = lab.instance(other).await.network_interfaces[0].network_interface_id.clone();
        assert_eq!(told.elsewhere.keys().next(), there.as_ref(), "and who is in the other one");
    }
    lab.ok(delete(&id)).await;
    assert_eq!(state().await, "blackhole");
    let buried = |told: &Told, vpc_id: &str| told.tombstones.iter().any(|order| order.kind() == ResourceKind::Vpc && order.id == vpc_id);
    hosts[0].until_told("to bury the other VPC", |told| buried(told, &vpcs[1])).await;
    hosts[1].until_told("to bury the other VPC", |told| buried(told, &vpcs[0])).await;
    assert!(!buried(&hosts[0].told(), &vpcs[0]) && !buried(&hosts[1].told(), &vpcs[1]), "its own stays");
    let gone = |told: &Told| {
        let own = &told.vpcs[&vpcs[0]];
        own.peerings.is_empty() && own.route_tables.iter().flat_map(|table| &table.routes).any(|route| route.target.is_none())
    };
    hosts[0].until_told("of no peering, and of a route that leads nowhere", gone).await;
    let absent = lab.call(ALICE, ec2::CreateRouteRequest { destination_cidr_block: Some("10.9.1.0/24".into()), ..route }).await;
    assert_eq!(absent.expect_err("it is gone").code, ErrorCode::InvalidVpcPeeringConnectionIdNotFound);
}

#[tokio::test]
async fn a_host_whose_last_guest_of_the_one_goes_forgets_the_other_and_learns_of_it_again() {
    let Two { lab, hosts, vpcs, instances } = two().await;
    let id = id_of(lab.ok(request(&vpcs[0], &vpcs[1])).await.vpc_peering_connection);
    lab.ok(accept(&id)).await;
    hosts[1].until_told("both VPCs", |told| peered(told, &id, &vpcs)).await;
    lab.terminate(&instances[1]).await;
    lab.until_state(&instances[1], "terminated").await;
    let orders = |told: &Told| {
        let vpcs = told.tombstones.iter().filter(|order| order.kind() == ResourceKind::Vpc).map(|order| order.id.clone());
        vpcs.collect::<BTreeSet<_>>()
    };
    hosts[1].until_told("to bury both", |told| orders(told) == vpcs.iter().cloned().collect()).await;
    assert_eq!(orders(&hosts[0].told()), BTreeSet::new(), "the other host has a guest in one of them");
    let before = hosts[1].told().statements[0];
    let again = lab.run(lab.launch()).await.instance_id.expect("an id");
    lab.until_state(&again, "running").await;
    let both = |told: &Told| told.statements[0] >= before + 2 && peered(told, &id, &vpcs);
    hosts[1].until_told("both anew", |told| told.instances.contains_key(&again) && both(told)).await;
}

#[tokio::test]
async fn a_rule_may_name_a_group_of_the_peer_and_goes_with_it() {
    let lab = Lab::new().await;
    let mine = lab.ok(ec2::DescribeVpcsRequest::default()).await.vpcs.remove(0).vpc_id.expect("an id");
    let theirs = lab.call(BOB, ec2::CreateVpcRequest { cidr_block: Some("10.2.0.0/16".into()), ..Default::default() }).await;
    let theirs = theirs.expect("a VPC").vpc.expect("a VPC").vpc_id.expect("an id");
    let group = |vpc_id: &str| ec2::CreateSecurityGroupRequest {
        group_name: "of-a-test".into(),
        description: "x".into(),
        vpc_id: Some(vpc_id.into()),
        ..Default::default()
    };
    let own = lab.ok(group(&mine)).await.group_id.expect("an id");
    let foreign = lab.call(BOB, group(&theirs)).await.expect("a group").group_id.expect("an id");
    let pair = ec2::UserIdGroupPair { group_id: Some(foreign.clone()), user_id: Some(BOB.into()), ..Default::default() };
    let permission = |port, pair: &ec2::UserIdGroupPair| ec2::IpPermission {
        ip_protocol: Some("tcp".into()),
        from_port: Some(port),
        to_port: Some(port),
        user_id_group_pairs: vec![pair.clone()],
        ..Default::default()
    };
    let authorize = |port, pair: &ec2::UserIdGroupPair| ec2::AuthorizeSecurityGroupIngressRequest {
        group_id: Some(own.clone()),
        ip_permissions: vec![permission(port, pair)],
        ..Default::default()
    };
    assert_eq!(lab.code(authorize(22, &pair)).await, ErrorCode::InvalidGroupNotFound, "they are no peers");
    let asked = ec2::CreateVpcPeeringConnectionRequest { peer_owner_id: Some(BOB.into()), ..request(&mine, &theirs) };
    let id = id_of(lab.ok(asked).await.vpc_peering_connection);
    assert_eq!(lab.code(authorize(22, &pair)).await, ErrorCode::InvalidGroupNotFound, "not yet");
    lab.call(BOB, accept(&id)).await.expect("accepted");
    let made = lab.ok(authorize(22, &pair)).await.security_group_rules.remove(0);
    let referenced = made.referenced_group_info.expect("a group");
    let expected = ec2::ReferencedSecurityGroup {
        group_id: Some(foreign.clone()),
        user_id: Some(BOB.into()),
        vpc_id: Some(theirs.clone()),
        vpc_peering_connection_id: Some(id.clone()),
        peering_status: Some("active".into()),
    };
    assert_eq!(referenced, expected);
    let other = ec2::UserIdGroupPair { vpc_peering_connection_id: Some(ABSENT.into()), ..pair.clone() };
    assert_eq!(lab.code(authorize(23, &other)).await, ErrorCode::InvalidGroupNotFound);
    let shown = async || {
        let own = lab.ok(ec2::DescribeSecurityGroupsRequest { group_ids: vec![own.clone()], ..Default::default() }).await;
        let permissions = own.security_groups.into_iter().flat_map(|group| group.ip_permissions);
        permissions.flat_map(|permission| permission.user_id_group_pairs).collect::<Vec<_>>()
    };
    let [as_shown] = shown().await.try_into().expect("one pair");
    assert_eq!((as_shown.user_id.as_deref(), as_shown.vpc_peering_connection_id.as_ref()), (Some(BOB), Some(&id)));
    lab.ok(authorize(23, &as_shown)).await;

    lab.call(BOB, delete(&id)).await.expect("deleted");
    let [stale] = shown().await.first_chunk().cloned().expect("a pair");
    assert_eq!(stale.peering_status.as_deref(), Some("deleted"));
    assert_eq!(lab.code(authorize(24, &pair)).await, ErrorCode::InvalidGroupNotFound);
    let revoke = ec2::RevokeSecurityGroupIngressRequest {
        group_id: Some(own.clone()),
        ip_permissions: vec![permission(23, &stale)],
        ..Default::default()
    };
    lab.ok(revoke).await;
    let remove = ec2::DeleteSecurityGroupRequest { group_id: Some(foreign), ..Default::default() };
    lab.call(BOB, remove).await.expect("another account's rule does not hold it");
    assert_eq!(shown().await, []);
}
