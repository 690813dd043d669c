//! Secondary addresses of NAT gateways: every code that their actions declare, and their life from a request to their end.

use super::nat_gateways::{ABSENT, create, default_subnet, delete, is, public, shown};
use super::network_refusals::{new_vpc, subnet_of};
use super::refusals::strings;
use super::*;
use crate::lab::{Agent, Lab, eventually, hello};
use crate::network::nat::address::status;
use crate::network::nat::{PRIVATE, PUBLIC, state};
use crate::reconcile::{ReleaseNatGatewayAddresses, pass};
use crate::store::{elastic_address, nat_gateway, nat_gateway_address};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

fn associate(id: &str, allocations: &[&str]) -> ec2::AssociateNatGatewayAddressRequest {
    ec2::AssociateNatGatewayAddressRequest { nat_gateway_id: id.into(), allocation_ids: strings(allocations), ..Default::default() }
}

fn disassociate(id: &str, associations: &[&str]) -> ec2::DisassociateNatGatewayAddressRequest {
    ec2::DisassociateNatGatewayAddressRequest { nat_gateway_id: id.into(), association_ids: strings(associations), ..Default::default() }
}

fn assign(id: &str, addresses: &[&str]) -> ec2::AssignPrivateNatGatewayAddressRequest {
    ec2::AssignPrivateNatGatewayAddressRequest { nat_gateway_id: id.into(), private_ip_addresses: strings(addresses), ..Default::default() }
}

fn several(id: &str, count: i32) -> ec2::AssignPrivateNatGatewayAddressRequest {
    ec2::AssignPrivateNatGatewayAddressRequest { private_ip_address_count: Some(count), ..assign(id, &[]) }
}

fn unassign(id: &str, addresses: &[&str]) -> ec2::UnassignPrivateNatGatewayAddressRequest {
    ec2::UnassignPrivateNatGatewayAddressRequest {
        nat_gateway_id: id.into(),
        private_ip_addresses: strings(addresses),
        ..Default::default()
    }
}

/// A gateway as a host would have made it, or as none can be.
async fn force(bench: &Bench, id: &str, connectivity: &str, state: &str) {
    use nat_gateway::{Column, Entity};
    let tx = bench.scheduler.store().begin(ONE).await.expect("a transaction");
    let update = Entity::update_many().filter(Column::NatGatewayId.eq(id));
    let update = update.col_expr(Column::ConnectivityType, connectivity.into()).col_expr(Column::State, state.into());
    update.exec(tx.db()).await.expect("a row");
    tx.commit().await.expect("committed");
}

/// Its addresses as a host would have made them, or on the way.
async fn force_addresses(bench: &Bench, id: &str, status: &str) {
    use nat_gateway_address::{Column, Entity};
    let tx = bench.scheduler.store().begin(ONE).await.expect("a transaction");
    let update = Entity::update_many().filter(Column::NatGatewayId.eq(id)).col_expr(Column::Status, status.into());
    update.exec(tx.db()).await.expect("rows");
    tx.commit().await.expect("committed");
}

async fn made(bench: &Bench, subnet: &str) -> (String, String) {
    let gateway = bench.get(create(subnet)).await.nat_gateway.expect("a gateway");
    (gateway.nat_gateway_id.expect("an id"), gateway.nat_gateway_addresses[0].private_ip.clone().expect("an address"))
}

pub async fn refusals(bench: &Bench) {
    let vpc = new_vpc(bench, "10.77.0.0/16").await.vpc_id.expect("an id");
    let subnet = bench.get(subnet_of(&vpc, "10.77.0.0/28")).await.subnet.expect("a subnet").subnet_id.expect("an id");
    let ((private, primary), (other, drawn)) = (made(bench, &subnet).await, made(bench, &subnet).await);
    let mut allocations = Vec::new();
    for _ in 0..9 {
        allocations.extend(bench.get(ec2::AllocateAddressRequest::default()).await.allocation_id);
    }
    let allocations: Vec<&str> = allocations.iter().map(String::as_str).collect();
    of_creation(bench, &subnet, &allocations).await;
    for id in ["", "nat-zzz", ABSENT] {
        let code = match id {
            "" => ErrorCode::MissingParameter,
            ABSENT => ErrorCode::NatGatewayNotFound,
            _ => ErrorCode::NatGatewayMalformed,
        };
        bench.refused(code, several(id, 1)).await;
        bench.refused(code, unassign(id, &["10.77.0.9"])).await;
        bench.refused(code, associate(id, &allocations[..1])).await;
        bench.refused(code, disassociate(id, &["eipassoc-0123456789abcdef0"])).await;
    }
    bench.refused(ErrorCode::IncorrectState, several(&private, 1)).await;
    bench.refused(ErrorCode::IncorrectState, unassign(&private, &["10.77.0.9"])).await;
    bench.refused(ErrorCode::OperationNotPermitted, associate(&private, &allocations[..1])).await;
    bench.refused(ErrorCode::OperationNotPermitted, disassociate(&private, &["eipassoc-0123456789abcdef0"])).await;
    force(bench, &other, PUBLIC, state::PENDING).await;
    bench.refused(ErrorCode::IncorrectState, associate(&other, &allocations[..1])).await;
    bench.refused(ErrorCode::IncorrectState, disassociate(&other, &["eipassoc-0123456789abcdef0"])).await;
    force(bench, &other, PUBLIC, state::AVAILABLE).await;
    force(bench, &private, PRIVATE, state::AVAILABLE).await;
    bench.refused(ErrorCode::OperationNotPermitted, several(&other, 1)).await;
    bench.refused(ErrorCode::OperationNotPermitted, unassign(&other, &["10.77.0.9"])).await;
    let free =
        ["10.77.0.5", "10.77.0.6", "10.77.0.7"].into_iter().find(|address| *address != primary && *address != drawn).expect("a free one");
    of_public(bench, &other, &primary, &allocations).await;
    of_private(bench, &private, &primary, free).await;
    // The subnet is full from here on.
    let full = ErrorCode::InsufficientFreeAddressesInSubnet;
    let rest = ec2::CreateNatGatewayRequest { secondary_private_ip_address_count: Some(7), ..create(&subnet) };
    while bench.ask(ONE, create(&subnet)).await.is_ok() {}
    bench.refused(full, rest).await;
    force_addresses(bench, &private, status::SUCCEEDED).await;
    bench.refused(full, several(&private, 1)).await;
    bench.refused(full, associate(&other, &allocations[..1])).await;
    // Away for those who come after.
    for id in [&private, &other] {
        bench.get(delete(id)).await;
    }
}

async fn of_creation(bench: &Bench, subnet: &str, allocations: &[&str]) {
    let public = || public(subnet, allocations[0]);
    let secondary = |ids: &[&str]| ec2::CreateNatGatewayRequest { secondary_allocation_ids: strings(ids), ..public() };
    let combination = ErrorCode::InvalidParameterCombination;
    bench.refused(ErrorCode::AddressLimitExceeded, secondary(&allocations[1..])).await;
    bench.refused(ErrorCode::InvalidParameterValue, secondary(&allocations[..1])).await;
    bench.refused(ErrorCode::InvalidAllocationIdMalformed, secondary(&["eipalloc-zzz"])).await;
    bench.refused(combination, ec2::CreateNatGatewayRequest { secondary_private_ip_address_count: Some(1), ..public() }).await;
    let more = ec2::CreateNatGatewayRequest { secondary_private_ip_addresses: strings(&["10.77.0.9"]), ..public() };
    bench.refused(combination, more).await;
    let private = |count, named: &[&str]| ec2::CreateNatGatewayRequest {
        secondary_private_ip_address_count: Some(count),
        secondary_private_ip_addresses: strings(named),
        ..create(subnet)
    };
    bench.refused(combination, private(1, &["10.77.0.9"])).await;
    bench
        .refused(combination, ec2::CreateNatGatewayRequest { secondary_allocation_ids: strings(&allocations[1..2]), ..create(subnet) })
        .await;
    for count in [-1, 32] {
        bench.refused(ErrorCode::InvalidParameterValue, private(count, &[])).await;
    }
    bench.refused(ErrorCode::InvalidParameterValue, private(0, &["10.77.0.9", "10.77.0.9"])).await;
    bench.refused(ErrorCode::PrivateIpAddressLimitExceeded, private(8, &[])).await;
}

async fn of_public(bench: &Bench, id: &str, taken: &str, allocations: &[&str]) {
    let with = |ids: &[&str], private: &[&str]| ec2::AssociateNatGatewayAddressRequest {
        private_ip_addresses: strings(private),
        ..associate(id, ids)
    };
    bench.refused(ErrorCode::MissingParameter, associate(id, &[])).await;
    bench.refused(ErrorCode::InvalidAllocationIdMalformed, associate(id, &["eipalloc-zzz"])).await;
    bench.refused(ErrorCode::InvalidAllocationIdNotFound, associate(id, &["eipalloc-0123456789abcdef0"])).await;
    bench.refused(ErrorCode::InvalidParameterValue, associate(id, &[allocations[0], allocations[0]])).await;
    bench.refused(ErrorCode::InvalidParameterCombination, with(&allocations[..1], &["10.77.0.8", "10.77.0.9"])).await;
    bench.refused(ErrorCode::AddressLimitExceeded, associate(id, &allocations[..8])).await;
    bench.refused(ErrorCode::InvalidIpAddressInUse, with(&allocations[..1], &[taken])).await;
    bench.refused(ErrorCode::GatewayNotAttached, associate(id, &allocations[..1])).await;
    bench.refused(ErrorCode::MissingParameter, disassociate(id, &[])).await;
    bench.refused(ErrorCode::InvalidAssociationIdMalformed, disassociate(id, &["eipassoc-zzz"])).await;
    let absent = "eipassoc-0123456789abcdef0";
    bench.refused(ErrorCode::InvalidAssociationIdNotFound, disassociate(id, &[absent])).await;
    for seconds in [0, 4_001] {
        let odd = ec2::DisassociateNatGatewayAddressRequest { max_drain_duration_seconds: Some(seconds), ..disassociate(id, &[absent]) };
        bench.refused(ErrorCode::InvalidParameterValue, odd).await;
    }
    // One that is somewhere else, and one that is on its way.
    let there = async |association: Option<&str>| {
        let tx = bench.scheduler.store().begin(ONE).await.expect("a transaction");
        let update = elastic_address::Entity::update_many().filter(elastic_address::Column::AllocationId.eq(allocations[0]));
        update.col_expr(elastic_address::Column::AssociationId, association.into()).exec(tx.db()).await.expect("a row");
        tx.commit().await.expect("committed");
    };
    there(Some(absent)).await;
    bench.refused(ErrorCode::ResourceAlreadyAssociated, associate(id, &allocations[..1])).await;
    there(None).await;
    let row = nat_gateway_address::ActiveModel {
        nat_gateway_id: sea_orm::Set(id.into()),
        number: sea_orm::Set(1),
        account_id: sea_orm::Set(ONE.into()),
        status: sea_orm::Set(status::ASSOCIATING.into()),
        private_ip_address: sea_orm::Set("10.77.0.12".into()),
        public_ip: sea_orm::Set(None),
        allocation_id: sea_orm::Set(Some(allocations[1].into())),
        association_id: sea_orm::Set(Some(absent.into())),
        until: sea_orm::Set(None),
    };
    bench.insert::<nat_gateway_address::Entity>(vec![row]).await;
    bench.refused(ErrorCode::OperationInProgress, associate(id, &allocations[..1])).await;
    bench.refused(ErrorCode::OperationInProgress, disassociate(id, &[absent])).await;
    force_addresses(bench, id, status::SUCCEEDED).await;
    bench.refused(ErrorCode::InvalidParameterValue, disassociate(id, &[absent, absent])).await;
}

async fn of_private(bench: &Bench, id: &str, primary: &str, free: &str) {
    bench.refused(ErrorCode::MissingParameter, assign(id, &[])).await;
    let both = ec2::AssignPrivateNatGatewayAddressRequest { private_ip_address_count: Some(1), ..assign(id, &[free]) };
    bench.refused(ErrorCode::InvalidParameterCombination, both).await;
    for count in [0, 32] {
        bench.refused(ErrorCode::InvalidParameterValue, several(id, count)).await;
    }
    bench.refused(ErrorCode::InvalidParameterValue, assign(id, &[free, free])).await;
    bench.refused(ErrorCode::InvalidParameterValue, assign(id, &["10.78.0.9"])).await;
    bench.refused(ErrorCode::InvalidIpAddressInUse, assign(id, &[primary])).await;
    bench.refused(ErrorCode::PrivateIpAddressLimitExceeded, several(id, 8)).await;
    bench.refused(ErrorCode::MissingParameter, unassign(id, &[])).await;
    for address in [primary, free, "odd"] {
        bench.refused(ErrorCode::InvalidParameterValue, unassign(id, &[address])).await;
    }
    let answer = bench.get(assign(id, &[free])).await.nat_gateway_addresses;
    assert_eq!((answer.len(), answer[0].private_ip.as_deref(), answer[0].status.as_deref()), (1, Some(free), Some("assigning")));
    let odd = ec2::UnassignPrivateNatGatewayAddressRequest { max_drain_duration_seconds: Some(4_001), ..unassign(id, &[free]) };
    bench.refused(ErrorCode::InvalidParameterValue, odd).await;
    bench.refused(ErrorCode::OperationInProgress, several(id, 1)).await;
    bench.refused(ErrorCode::OperationInProgress, unassign(id, &[free])).await;
}

/// A host whose guests send packets.
async fn real(lab: &Lab) -> Agent {
    let mut hello = hello("host-0123456789abcdef0");
    hello.drivers[0].name = "qemu".into();
    Agent::attend(lab, hello, true).await
}

async fn allocate(lab: &Lab) -> String {
    lab.ok(ec2::AllocateAddressRequest::default()).await.allocation_id.expect("an id")
}

async fn association(lab: &Lab, allocation: &str) -> Option<String> {
    let found = ec2::DescribeAddressesRequest { allocation_ids: strings(&[allocation]), ..Default::default() };
    lab.ok(found).await.addresses.remove(0).association_id
}

fn statuses(gateway: &ec2::NatGateway) -> Vec<(bool, String)> {
    let each = gateway.nat_gateway_addresses.iter();
    each.map(|one| (one.is_primary == Some(true), one.status.clone().unwrap_or_default())).collect()
}

fn all(statuses: &[(bool, &str)]) -> Vec<(bool, String)> {
    statuses.iter().map(|(primary, status)| (*primary, (*status).to_owned())).collect()
}

#[tokio::test]
async fn elastic_addresses_come_and_go_in_their_time() {
    let lab = Lab::new().await;
    let agent = real(&lab).await;
    let subnet = default_subnet(&lab).await.subnet_id.expect("an id");
    let (first, second, third) = (allocate(&lab).await, allocate(&lab).await, allocate(&lab).await);
    let with = ec2::CreateNatGatewayRequest { secondary_allocation_ids: strings(&[&second]), ..public(&subnet, &first) };
    let made = lab.ok(with).await.nat_gateway.expect("a gateway");
    assert_eq!(statuses(&made), all(&[(true, "associating"), (false, "associating")]));
    let id = made.nat_gateway_id.expect("an id");
    is(&lab, &id, "available").await;
    assert_eq!(statuses(&shown(&lab, &id).await), all(&[(true, "succeeded"), (false, "succeeded")]));

    let answer = lab.ok(associate(&id, &[&third])).await.nat_gateway_addresses;
    assert_eq!((answer.len(), answer[0].allocation_id.as_ref(), answer[0].is_primary), (1, Some(&third), Some(false)));
    eventually("its host uses it", async || statuses(&shown(&lab, &id).await)[2].1 == "succeeded").await;
    let interface = agent.told().nat_gateways[&id].interface.clone().expect("an interface");
    assert_eq!((interface.secondary_private_ip_addresses.len(), interface.other_public_ip_addresses.len()), (2, 2));
    let gone = association(&lab, &third).await.expect("an association");
    assert_eq!(answer[0].association_id.as_ref(), Some(&gone));
    let off = ec2::DisassociateAddressRequest { association_id: Some(gone.clone()), ..Default::default() };
    assert_eq!(lab.code(off).await, ErrorCode::OperationNotPermitted);
    let release = |id: &str| ec2::ReleaseAddressRequest { allocation_id: Some(id.into()), ..Default::default() };
    assert_eq!(lab.code(release(&third)).await, ErrorCode::InvalidIpAddressInUse);
    let primary = association(&lab, &first).await.expect("an association");
    assert_eq!(lab.code(disassociate(&id, &[&primary])).await, ErrorCode::InvalidParameterValue);

    let request = ec2::DisassociateNatGatewayAddressRequest { max_drain_duration_seconds: Some(60), ..disassociate(&id, &[&gone]) };
    let going = lab.ok(request).await.nat_gateway_addresses;
    assert_eq!((going.len(), going[0].status.as_deref()), (1, Some("disassociating")));
    let told = agent.until_told("that it drains", |told| !told.nat_gateways[&id].draining_private_ip_addresses.is_empty()).await;
    assert_eq!(told.nat_gateways[&id].draining_private_ip_addresses, [answer[0].private_ip.clone().expect("an address")]);
    assert_eq!(lab.code(associate(&id, &[&third])).await, ErrorCode::OperationInProgress);
    lab.clock.advance(Duration::from_millis(59_999));
    pass(&ReleaseNatGatewayAddresses, lab.store()).await.expect("a pass");
    assert_eq!(association(&lab, &third).await.as_ref(), Some(&gone), "its connections have their time");
    lab.clock.advance(Duration::from_millis(1));
    pass(&ReleaseNatGatewayAddresses, lab.store()).await.expect("a pass");
    eventually("it is gone", async || shown(&lab, &id).await.nat_gateway_addresses.len() == 2).await;
    lab.ok(release(&third)).await;
    let left = |told: &crate::lab::Told| told.nat_gateways[&id].interface.as_ref().map(|one| one.secondary_private_ip_addresses.len());
    agent.until_told("that it is gone", |told| left(told) == Some(1)).await;

    lab.ok(delete(&id)).await;
    is(&lab, &id, "deleted").await;
    assert_eq!(statuses(&shown(&lab, &id).await), all(&[(true, "disassociating"), (false, "disassociating")]));
    for allocation in [&first, &second] {
        lab.ok(release(allocation)).await;
    }
}

#[tokio::test]
async fn private_addresses_go_at_once_where_nothing_sends_packets() {
    let lab = Lab::new().await;
    let agent = Agent::obedient(&lab).await;
    let subnet = default_subnet(&lab).await.subnet_id.expect("an id");
    let two = ec2::CreateNatGatewayRequest { secondary_private_ip_address_count: Some(2), ..create(&subnet) };
    let made = lab.ok(two).await.nat_gateway.expect("a gateway");
    assert_eq!(statuses(&made), all(&[(true, "assigning"), (false, "assigning"), (false, "assigning")]));
    let id = made.nat_gateway_id.clone().expect("an id");
    is(&lab, &id, "available").await;
    let eni = made.nat_gateway_addresses[0].network_interface_id.clone().expect("an id");
    let described = ec2::DescribeNetworkInterfacesRequest { network_interface_ids: vec![eni], ..Default::default() };
    assert_eq!(lab.ok(described).await.network_interfaces[0].private_ip_addresses.len(), 3);

    let gone = made.nat_gateway_addresses[1].private_ip.clone().expect("an address");
    lab.ok(unassign(&id, &[&gone])).await;
    pass(&ReleaseNatGatewayAddresses, lab.store()).await.expect("a pass");
    eventually("it is gone", async || shown(&lab, &id).await.nat_gateway_addresses.len() == 2).await;
    lab.ok(assign(&id, &[&gone])).await;
    eventually("it is there again", async || statuses(&shown(&lab, &id).await)[1..] == all(&[(false, "succeeded"), (false, "succeeded")]))
        .await;
    let secondary =
        |told: &crate::lab::Told| told.nat_gateways[&id].interface.clone().expect("an interface").secondary_private_ip_addresses;
    assert!(secondary(&agent.told()).contains(&gone));

    // What is named is not drawn, however small the subnet.
    let filters = vec![filter("nat-gateway-id", &[&id])];
    assert_eq!(lab.ok(ec2::DescribeNatGatewaysRequest { filter: filters, ..Default::default() }).await.nat_gateways.len(), 1);
    lab.ok(delete(&id)).await;
    is(&lab, &id, "deleted").await;
    let named = ec2::CreateNatGatewayRequest { secondary_private_ip_addresses: vec![gone.clone()], ..create(&subnet) };
    let again = lab.ok(named).await.nat_gateway.expect("a gateway");
    assert_eq!(again.nat_gateway_addresses[1].private_ip.as_ref(), Some(&gone));
}

#[tokio::test]
async fn an_address_that_is_somewhere_else_lets_the_whole_gateway_fail() {
    let lab = Lab::new().await;
    let _agent = Agent::obedient(&lab).await;
    let subnet = default_subnet(&lab).await.subnet_id.expect("an id");
    let (first, second) = (allocate(&lab).await, allocate(&lab).await);
    let up = lab.ok(public(&subnet, &second)).await.nat_gateway.expect("a gateway").nat_gateway_id.expect("an id");
    let with = ec2::CreateNatGatewayRequest { secondary_allocation_ids: strings(&[&second]), ..public(&subnet, &first) };
    let failed = lab.ok(with).await.nat_gateway.expect("a gateway");
    assert_eq!((failed.state.as_deref(), failed.failure_code.as_deref()), (Some("failed"), Some("Resource.AlreadyAssociated")));
    assert_eq!(statuses(&failed), all(&[(true, "failed"), (false, "failed")]));
    assert_eq!(association(&lab, &first).await, None, "it has nothing of it");
    is(&lab, &up, "available").await;
}
