//! NAT gateways: every code that their actions declare, their states, and what routes, addresses and hosts have of them.

use super::network_refusals::{new_vpc, subnet_of, too_many_tags};
use super::refusals::{refuse_ids, refuse_pages, strings};
use super::*;
use crate::lab::{Agent, BOB, Lab, eventually};
use crate::store::nat_gateway;
use sea_orm::{EntityTrait, IntoActiveModel};

pub const ABSENT: &str = "nat-0123456789abcdef0";

pub fn create(subnet: &str) -> ec2::CreateNatGatewayRequest {
    ec2::CreateNatGatewayRequest { subnet_id: Some(subnet.into()), connectivity_type: Some("private".into()), ..Default::default() }
}

pub fn public(subnet: &str, allocation: &str) -> ec2::CreateNatGatewayRequest {
    ec2::CreateNatGatewayRequest { subnet_id: Some(subnet.into()), allocation_id: Some(allocation.into()), ..Default::default() }
}

pub fn delete(id: &str) -> ec2::DeleteNatGatewayRequest {
    ec2::DeleteNatGatewayRequest { nat_gateway_id: id.into(), dry_run: None }
}

pub async fn refusals(bench: &Bench) {
    let filtered = |filter| ec2::DescribeNatGatewaysRequest { filter, ..Default::default() };
    bench.refused(ErrorCode::InvalidParameterValue, filtered(vec![filter("no-such-filter", &["x"])])).await;
    bench.refused(ErrorCode::FilterLimitExceeded, filtered(vec![filter("vpc-id", &["x"; 201])])).await;
    refuse_pages!(bench, DescribeNatGatewaysRequest);
    refuse_ids!(bench, DescribeNatGatewaysRequest, nat_gateway_ids, "nat", NatGatewayMalformed, NatGatewayNotFound);
    let vpc = new_vpc(bench, "10.78.0.0/16").await.vpc_id.expect("an id");
    let subnet = bench.get(subnet_of(&vpc, "10.78.0.0/28")).await.subnet.expect("a subnet").subnet_id.expect("an id");
    bench.refused(ErrorCode::MissingParameter, ec2::CreateNatGatewayRequest::default()).await;
    bench.refused(ErrorCode::MissingParameter, ec2::CreateNatGatewayRequest { connectivity_type: None, ..create(&subnet) }).await;
    bench
        .refused(
            ErrorCode::InvalidParameterValue,
            ec2::CreateNatGatewayRequest { connectivity_type: Some("odd".into()), ..create(&subnet) },
        )
        .await;
    let both = ec2::CreateNatGatewayRequest { allocation_id: Some("eipalloc-0123456789abcdef0".into()), ..create(&subnet) };
    bench.refused(ErrorCode::InvalidParameterCombination, both).await;
    bench.refused(ErrorCode::InvalidSubnetIdMalformed, create("subnet-zzz")).await;
    bench.refused(ErrorCode::InvalidSubnetIdNotFound, create("subnet-0123456789abcdef0")).await;
    bench.refused(ErrorCode::InvalidAllocationIdMalformed, public(&subnet, "eipalloc-zzz")).await;
    bench.refused(ErrorCode::InvalidAllocationIdNotFound, public(&subnet, "eipalloc-0123456789abcdef0")).await;
    bench
        .refused(
            ErrorCode::TagLimitExceeded,
            ec2::CreateNatGatewayRequest { tag_specifications: too_many_tags("natgateway"), ..create(&subnet) },
        )
        .await;
    let at = |address: &str| ec2::CreateNatGatewayRequest { private_ip_address: Some(address.into()), ..create(&subnet) };
    let made = bench.get(at("10.78.0.5")).await.nat_gateway.expect("a gateway");
    assert_eq!(made.nat_gateway_addresses[0].private_ip.as_deref(), Some("10.78.0.5"));
    bench.refused(ErrorCode::InvalidIpAddressInUse, at("10.78.0.5")).await;
    bench.refused(ErrorCode::InvalidParameterValue, at("10.79.0.5")).await;
    for _ in 0..10 {
        bench.get(create(&subnet)).await;
    }
    bench.refused(ErrorCode::InsufficientFreeAddressesInSubnet, create(&subnet)).await;
    managed(bench, &made).await;

    let id = made.nat_gateway_id.expect("an id");
    bench.refused(ErrorCode::MissingParameter, delete("")).await;
    bench.refused(ErrorCode::NatGatewayMalformed, delete("nat-zzz")).await;
    bench.refused(ErrorCode::NatGatewayNotFound, delete(ABSENT)).await;
    assert_eq!(bench.ask(TWO, delete(&id)).await.expect_err("foreign").code, ErrorCode::NatGatewayNotFound);
    let store = bench.scheduler.store();
    let row = nat_gateway::Entity::find_by_id(&id).one(store.reader()).await.expect("a read").expect("a row");
    let like = |n: u64| nat_gateway::Model { nat_gateway_id: format!("nat-{n:017x}"), ..row.clone() }.into_active_model();
    bench.insert::<nat_gateway::Entity>((0..crate::network::nat::MOST).map(like).collect()).await;
    bench.refused(ErrorCode::NatGatewayLimitExceeded, create(&subnet)).await;
}

/// Its interface goes with it, and is nobody's to change.
async fn managed(bench: &Bench, made: &ec2::NatGateway) {
    let id = made.nat_gateway_addresses[0].network_interface_id.clone().expect("an id");
    let description = Some(ec2::AttributeValue { value: Some("mine".into()) });
    let modify = ec2::ModifyNetworkInterfaceAttributeRequest { network_interface_id: id.clone(), description, ..Default::default() };
    bench.refused(ErrorCode::OperationNotPermitted, modify).await;
    let reset = ec2::ResetNetworkInterfaceAttributeRequest {
        network_interface_id: id.clone(),
        source_dest_check: Some("true".into()),
        ..Default::default()
    };
    bench.refused(ErrorCode::OperationNotPermitted, reset).await;
    let assign = ec2::AssignPrivateIpAddressesRequest {
        network_interface_id: id.clone(),
        secondary_private_ip_address_count: Some(1),
        ..Default::default()
    };
    bench.refused(ErrorCode::OperationNotPermitted, assign).await;
    let unassign = ec2::UnassignPrivateIpAddressesRequest {
        network_interface_id: id.clone(),
        private_ip_addresses: vec!["10.78.0.5".into()],
        ..Default::default()
    };
    bench.refused(ErrorCode::OperationNotPermitted, unassign).await;
    let remove = ec2::DeleteNetworkInterfaceRequest { network_interface_id: id, dry_run: None };
    bench.refused(ErrorCode::InvalidParameterValue, remove).await;
}

pub async fn default_subnet(lab: &Lab) -> ec2::Subnet {
    let filters = vec![filter("availability-zone", &["us-east-1a"]), filter("default-for-az", &["true"])];
    lab.ok(ec2::DescribeSubnetsRequest { filters, ..Default::default() }).await.subnets.remove(0)
}

pub async fn shown(lab: &Lab, id: &str) -> ec2::NatGateway {
    lab.ok(ec2::DescribeNatGatewaysRequest { nat_gateway_ids: vec![id.into()], ..Default::default() }).await.nat_gateways.remove(0)
}

pub async fn is(lab: &Lab, id: &str, state: &str) {
    eventually(&format!("{id} is {state}"), async || shown(lab, id).await.state.as_deref() == Some(state)).await;
}

#[tokio::test]
async fn a_gateway_comes_up_takes_packets_by_a_route_and_goes_with_its_interface() {
    let lab = Lab::new().await;
    let agent = Agent::obedient(&lab).await;
    let subnet = default_subnet(&lab).await;
    let (subnet, vpc) = (subnet.subnet_id.expect("an id"), subnet.vpc_id.expect("an id"));
    let address = lab.ok(ec2::AllocateAddressRequest::default()).await;
    let (allocation, ip) = (address.allocation_id.expect("an id"), address.public_ip.expect("an address"));
    let made = lab.ok(public(&subnet, &allocation)).await.nat_gateway.expect("a gateway");
    let id = made.nat_gateway_id.clone().expect("an id");
    assert_eq!(
        (made.state.as_deref(), made.connectivity_type.as_deref(), made.vpc_id.as_ref()),
        (Some("pending"), Some("public"), Some(&vpc))
    );
    is(&lab, &id, "available").await;
    let told = agent.told();
    let interface = told.nat_gateways[&id].interface.clone().expect("an interface");
    assert_eq!(
        (interface.public_ip_address.as_str(), interface.source_dest_check, interface.security_group_ids.len()),
        (ip.as_str(), false, 0)
    );
    assert!(told.vpcs.contains_key(&vpc), "its VPC was told first");

    let gateway = shown(&lab, &id).await;
    let [shown_address] = gateway.nat_gateway_addresses.as_slice() else { panic!("{gateway:?}") };
    assert_eq!((shown_address.public_ip.as_ref(), shown_address.allocation_id.as_ref()), (Some(&ip), Some(&allocation)));
    let eni = shown_address.network_interface_id.clone().expect("an id");
    let described = ec2::DescribeNetworkInterfacesRequest { network_interface_ids: vec![eni.clone()], ..Default::default() };
    let described = lab.ok(described).await.network_interfaces.remove(0);
    assert_eq!(
        (described.interface_type.as_deref(), described.status.as_deref(), described.requester_managed),
        (Some("nat_gateway"), Some("in-use"), Some(true))
    );

    // A route to it is told to the VPC's hosts as one to its interface.
    let table = lab.ok(ec2::CreateRouteTableRequest { vpc_id: vpc.clone(), ..Default::default() }).await.route_table.expect("a table");
    let table = table.route_table_id.expect("an id");
    let route = ec2::CreateRouteRequest {
        route_table_id: table.clone(),
        destination_cidr_block: Some("0.0.0.0/0".into()),
        nat_gateway_id: Some(id.clone()),
        ..Default::default()
    };
    let absent = ec2::CreateRouteRequest { nat_gateway_id: Some(ABSENT.into()), ..route.clone() };
    assert_eq!(lab.code(absent).await, ErrorCode::InvalidNatGatewayIdNotFound);
    assert_eq!(lab.call(BOB, public(&subnet, &allocation)).await.expect_err("foreign").code, ErrorCode::InvalidSubnetIdNotFound);
    lab.ok(route).await;
    lab.ok(ec2::AssociateRouteTableRequest { route_table_id: table.clone(), subnet_id: Some(subnet.clone()), ..Default::default() }).await;
    let leads = |told: &crate::lab::Told, wanted: bool| {
        let routes = told.vpcs[&vpc].route_tables.iter().find(|one| one.route_table_id == table).map(|one| &one.routes);
        routes.is_some_and(|routes| routes.iter().any(|route| route.target.is_some() == wanted))
    };
    agent.until_told("the route", |told| leads(told, true)).await;
    let state = async |lab: &Lab| {
        let tables = ec2::DescribeRouteTablesRequest { route_table_ids: vec![table.clone()], ..Default::default() };
        let routes = lab.ok(tables).await.route_tables.remove(0).routes;
        routes.into_iter().find(|route| route.nat_gateway_id.as_ref() == Some(&id)).and_then(|route| route.state)
    };
    assert_eq!(state(&lab).await.as_deref(), Some("active"));

    // Its address is not taken from it, nor it from where it is.
    let associated = shown_address.association_id.clone();
    let off = ec2::DisassociateAddressRequest { association_id: associated, ..Default::default() };
    assert_eq!(lab.code(off).await, ErrorCode::OperationNotPermitted);
    let onto = ec2::AssociateAddressRequest {
        allocation_id: Some(allocation.clone()),
        network_interface_id: Some(eni.clone()),
        ..Default::default()
    };
    assert_eq!(lab.code(onto).await, ErrorCode::OperationNotPermitted);
    let release = ec2::ReleaseAddressRequest { allocation_id: Some(allocation.clone()), ..Default::default() };
    assert_eq!(lab.code(release.clone()).await, ErrorCode::InvalidIpAddressInUse);

    assert_eq!(lab.ok(delete(&id)).await.nat_gateway_id.as_ref(), Some(&id));
    is(&lab, &id, "deleted").await;
    assert_eq!(state(&lab).await.as_deref(), Some("blackhole"));
    agent.until_told("that the route leads nowhere", |told| leads(told, false)).await;
    assert_eq!(
        lab.code(ec2::DescribeNetworkInterfacesRequest { network_interface_ids: vec![eni], ..Default::default() }).await,
        ErrorCode::InvalidNetworkInterfaceIdNotFound
    );
    lab.ok(release).await;
    assert_eq!(lab.ok(delete(&id)).await.nat_gateway_id.as_ref(), Some(&id), "once more changes nothing");
    agent.until_told("that the VPC is left", |told| told.tombstones.iter().any(|order| order.id == vpc)).await;
}

#[tokio::test]
async fn what_can_not_be_public_has_failed_and_says_why() {
    let lab = Lab::new().await;
    let _agent = Agent::obedient(&lab).await;
    let vpc = lab.ok(ec2::CreateVpcRequest { cidr_block: Some("10.0.0.0/16".into()), ..Default::default() }).await.vpc.expect("a VPC");
    let subnet = lab.ok(subnet_of(&vpc.vpc_id.expect("an id"), "10.0.0.0/24")).await.subnet.expect("a subnet").subnet_id.expect("an id");
    let allocation = lab.ok(ec2::AllocateAddressRequest::default()).await.allocation_id.expect("an id");
    let failed = lab.ok(public(&subnet, &allocation)).await.nat_gateway.expect("a gateway");
    assert_eq!((failed.state.as_deref(), failed.failure_code.as_deref()), (Some("failed"), Some("Gateway.NotAttached")));
    let near = default_subnet(&lab).await.subnet_id.expect("an id");
    let up = lab.ok(public(&near, &allocation)).await.nat_gateway.expect("a gateway").nat_gateway_id.expect("an id");
    is(&lab, &up, "available").await;
    let failed = lab.ok(public(&near, &allocation)).await.nat_gateway.expect("a gateway");
    assert_eq!((failed.state.as_deref(), failed.failure_code.as_deref()), (Some("failed"), Some("Resource.AlreadyAssociated")));
    lab.ok(delete(failed.nat_gateway_id.as_deref().expect("an id"))).await;
    is(&lab, &up, "available").await;
}
