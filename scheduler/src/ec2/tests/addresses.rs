//! Elastic IPs: every code that their actions declare, and what instances, interfaces and hosts have of them.

use sea_orm::{EntityTrait, IntoActiveModel};

use super::network_refusals::too_many_tags;
use super::refusals::{refuse_filters, refuse_pages, strings};
use super::*;
use crate::lab::{ALICE, Agent, BOB, Lab};
use crate::store::{elastic_address, public_address};

const ABSENT: &str = "eipalloc-0123456789abcdef0";

/// Those of what needs no instance. The others are provoked below.
pub async fn refusals(bench: &Bench) {
    refuse_filters!(bench, DescribeAddressesRequest, "public-ip");
    let named = |id: &str| ec2::DescribeAddressesRequest { allocation_ids: strings(&[id]), ..Default::default() };
    bench.refused(ErrorCode::InvalidAllocationIdMalformed, named("eipalloc-zzz")).await;
    bench.refused(ErrorCode::InvalidAllocationIdNotFound, named(ABSENT)).await;
    let by_address = ec2::DescribeAddressesRequest { public_ips: strings(&["198.18.0.9"]), ..Default::default() };
    bench.refused(ErrorCode::InvalidAddressNotFound, by_address).await;
    refuse_pages!(bench, DescribeAddressesAttributeRequest);
    let named = |id: &str| ec2::DescribeAddressesAttributeRequest { allocation_ids: strings(&[id]), ..Default::default() };
    bench.refused(ErrorCode::InvalidAllocationIdMalformed, named("eipalloc-zzz")).await;
    bench.refused(ErrorCode::InvalidAllocationIdNotFound, named(ABSENT)).await;
    let both = ec2::DescribeAddressesAttributeRequest { max_results: Some(5), ..named(ABSENT) };
    bench.refused(ErrorCode::InvalidParameterCombination, both).await;
    allocations(bench).await;
    limit(bench).await;
}

async fn allocations(bench: &Bench) {
    let of = |address: &str| ec2::AllocateAddressRequest { address: Some(address.into()), ..Default::default() };
    bench.refused(ErrorCode::InvalidParameterValue, of("198.18.0")).await;
    for outside in ["203.0.113.1", "198.18.0.0", "198.19.255.255"] {
        bench.refused(ErrorCode::InvalidAddressNotFound, of(outside)).await;
    }
    let tagged = ec2::AllocateAddressRequest { tag_specifications: too_many_tags("elastic-ip"), ..Default::default() };
    bench.refused(ErrorCode::TagLimitExceeded, tagged).await;
    let elsewhere = ec2::AllocateAddressRequest { network_border_group: Some("us-east-1-wl1".into()), ..Default::default() };
    bench.refused(ErrorCode::InvalidParameterValue, elsewhere).await;
    let made = bench.get(of("198.18.0.7")).await;
    assert_eq!((made.public_ip.as_deref(), made.domain.as_deref()), (Some("198.18.0.7"), Some("vpc")));
    assert_eq!((made.network_border_group.as_deref(), made.public_ipv4_pool.as_deref()), (Some("us-east-1"), Some("amazon")));
    bench.refused(ErrorCode::InvalidIpAddressInUse, of("198.18.0.7")).await;
    let id = made.allocation_id.expect("an id");
    let release = |id: Option<&str>, address: Option<&str>| ec2::ReleaseAddressRequest {
        allocation_id: id.map(Into::into),
        public_ip: address.map(Into::into),
        ..Default::default()
    };
    bench.refused(ErrorCode::MissingParameter, release(None, None)).await;
    bench.refused(ErrorCode::InvalidParameterCombination, release(Some(&id), Some("198.18.0.7"))).await;
    bench.refused(ErrorCode::InvalidAllocationIdMalformed, release(Some("eipalloc-zzz"), None)).await;
    bench.refused(ErrorCode::InvalidAllocationIdNotFound, release(Some(ABSENT), None)).await;
    bench.refused(ErrorCode::InvalidAddressNotFound, release(None, Some("198.18.0.8"))).await;
    let group = ec2::ReleaseAddressRequest { network_border_group: Some("us-east-1-wl1".into()), ..release(Some(&id), None) };
    bench.refused(ErrorCode::InvalidAddressNotFound, group).await;
    assert_eq!(bench.ask(TWO, release(Some(&id), None)).await.expect_err("foreign").code, ErrorCode::InvalidAllocationIdNotFound);
    assert_eq!(bench.ask(TWO, release(None, Some("198.18.0.7"))).await.expect_err("foreign").code, ErrorCode::InvalidAddressNotFound);
    let part = |association: Option<&str>, address: Option<&str>| ec2::DisassociateAddressRequest {
        association_id: association.map(Into::into),
        public_ip: address.map(Into::into),
        dry_run: None,
    };
    bench.refused(ErrorCode::MissingParameter, part(None, None)).await;
    bench.refused(ErrorCode::InvalidParameterCombination, part(Some("eipassoc-0123456789abcdef0"), Some("198.18.0.7"))).await;
    bench.refused(ErrorCode::InvalidAssociationIdMalformed, part(Some("eipassoc-zzz"), None)).await;
    bench.refused(ErrorCode::InvalidAssociationIdNotFound, part(Some("eipassoc-0123456789abcdef0"), None)).await;
    bench.refused(ErrorCode::InvalidAddressNotFound, part(None, Some("198.18.0.8"))).await;
    bench.get(part(None, Some("198.18.0.7"))).await;
    bench.get(release(None, Some("198.18.0.7"))).await;
}

async fn limit(bench: &Bench) {
    let tx = bench.scheduler.store().begin(ONE).await.expect("a transaction");
    let rows = (0..1_000_u32).map(|number| elastic_address::Model {
        allocation_id: format!("eipalloc-{number:017x}"),
        account_id: ONE.into(),
        address: format!("198.19.{}.{}", number / 256, number % 256),
        association_id: None,
        ptr_record: None,
        network_interface_id: None,
        private_ip_address: None,
        created: 0,
    });
    let insert = elastic_address::Entity::insert_many(rows.map(IntoActiveModel::into_active_model));
    insert.exec_without_returning(tx.db()).await.expect("rows");
    tx.commit().await.expect("committed");
    bench.refused(ErrorCode::AddressLimitExceeded, ec2::AllocateAddressRequest::default()).await;
}

async fn allocate(lab: &Lab) -> (String, String) {
    let made = lab.ok(ec2::AllocateAddressRequest::default()).await;
    (made.allocation_id.expect("an id"), made.public_ip.expect("an address"))
}

fn put(allocation: &str, instance: &str) -> ec2::AssociateAddressRequest {
    ec2::AssociateAddressRequest { allocation_id: Some(allocation.into()), instance_id: Some(instance.into()), ..Default::default() }
}

fn take(association: &str) -> ec2::DisassociateAddressRequest {
    ec2::DisassociateAddressRequest { association_id: Some(association.into()), ..Default::default() }
}

async fn running(lab: &Lab) -> String {
    let id = lab.run(lab.launch()).await.instance_id.expect("an id");
    lab.until_state(&id, "running").await;
    id
}

async fn told_address(agent: &Agent, id: &str, address: &str) {
    let is =
        |address: &str, told: &crate::lab::Told| told.instances.get(id).is_some_and(|one| one.interfaces[0].public_ip_address == address);
    agent.until_told(&format!("{id} has {address:?}"), |told| is(address, told)).await;
}

#[tokio::test]
async fn an_address_takes_the_place_of_the_pool_s_and_stays_through_a_stop() {
    let lab = Lab::new().await;
    let agent = Agent::obedient(&lab).await;
    let id = running(&lab).await;
    let first = lab.instance(&id).await.public_ip_address.expect("an address of the pool");
    let (allocation, address) = allocate(&lab).await;
    let association = lab.ok(put(&allocation, &id)).await.association_id.expect("an id");
    assert_eq!(lab.ok(put(&allocation, &id)).await.association_id.as_ref(), Some(&association), "it is there already");
    told_address(&agent, &id, &address).await;
    let of_pool = public_address::Entity::find_by_id(&first).one(lab.store().reader()).await.expect("a read");
    assert_eq!(of_pool, None, "the pool has it back");

    let instance = lab.instance(&id).await;
    let interface = &instance.network_interfaces[0];
    let shown = interface.association.clone().expect("an association");
    assert_eq!((instance.public_ip_address.as_ref(), shown.ip_owner_id.as_deref()), (Some(&address), Some(ALICE)));
    let eni = interface.network_interface_id.clone().expect("an id");
    let asked = ec2::DescribeNetworkInterfacesRequest { network_interface_ids: vec![eni.clone()], ..Default::default() };
    let shown = lab.ok(asked).await.network_interfaces.remove(0).association.expect("an association");
    assert_eq!((shown.allocation_id.as_ref(), shown.association_id.as_ref()), (Some(&allocation), Some(&association)));
    assert_eq!((shown.public_ip.as_ref(), shown.ip_owner_id.as_deref()), (Some(&address), Some(ALICE)));
    let [described] = lab.ok(ec2::DescribeAddressesRequest::default()).await.addresses.try_into().expect("one address");
    assert_eq!((described.instance_id.as_ref(), described.network_interface_id.as_ref()), (Some(&id), Some(&eni)));
    assert_eq!((described.private_ip_address, described.network_interface_owner_id.as_deref()), (instance.private_ip_address, Some(ALICE)));

    lab.stop(&id).await;
    lab.until_state(&id, "stopped").await;
    assert_eq!(lab.instance(&id).await.public_ip_address.as_ref(), Some(&address));
    lab.start(&id).await;
    lab.until_state(&id, "running").await;
    assert_eq!(lab.instance(&id).await.public_ip_address.as_ref(), Some(&address));
    lab.ok(take(&association)).await;
    let again = lab.instance(&id).await.public_ip_address.expect("one of the pool again");
    assert_ne!(again, address);
    told_address(&agent, &id, &again).await;
    let [described] = lab.ok(ec2::DescribeAddressesRequest::default()).await.addresses.try_into().expect("one address");
    assert_eq!((described.association_id, described.instance_id, described.network_interface_id), (None, None, None));

    // With the instance goes the association, and the address stays.
    lab.ok(put(&allocation, &id)).await;
    lab.terminate(&id).await;
    lab.until_state(&id, "terminated").await;
    let [described] = lab.ok(ec2::DescribeAddressesRequest::default()).await.addresses.try_into().expect("one address");
    assert_eq!((described.public_ip.as_ref(), described.association_id), (Some(&address), None));
    let release = ec2::ReleaseAddressRequest { allocation_id: Some(allocation), ..Default::default() };
    lab.ok(release).await;
    assert_eq!(lab.ok(ec2::DescribeAddressesRequest::default()).await.addresses, []);
}

#[tokio::test]
async fn an_address_moves_unless_it_is_not_to() {
    let lab = Lab::new().await;
    let agent = Agent::obedient(&lab).await;
    let (one, other) = (running(&lab).await, running(&lab).await);
    let ((allocation, address), (second, second_address)) = (allocate(&lab).await, allocate(&lab).await);
    let first = lab.ok(put(&allocation, &one)).await.association_id.expect("an id");
    let keep = |request: ec2::AssociateAddressRequest| ec2::AssociateAddressRequest { allow_reassociation: Some(false), ..request };
    assert_eq!(lab.code(keep(put(&allocation, &other))).await, ErrorCode::ResourceAlreadyAssociated);
    assert_eq!(lab.code(keep(put(&second, &one))).await, ErrorCode::ResourceAlreadyAssociated, "the interface has another");
    lab.ok(keep(put(&allocation, &one))).await;
    let moved = lab.ok(put(&allocation, &other)).await.association_id.expect("an id");
    assert_ne!(moved, first);
    told_address(&agent, &other, &address).await;
    let back = lab.instance(&one).await.public_ip_address.expect("one of the pool again");
    told_address(&agent, &one, &back).await;
    // Another one in its place.
    lab.ok(put(&second, &other)).await;
    told_address(&agent, &other, &second_address).await;
    assert_eq!(lab.code(take(&moved)).await, ErrorCode::InvalidAssociationIdNotFound);
    let release = |id: &str| ec2::ReleaseAddressRequest { allocation_id: Some(id.into()), ..Default::default() };
    assert_eq!(lab.code(release(&second)).await, ErrorCode::InvalidIpAddressInUse);
    lab.ok(release(&allocation)).await;
    let find = async |name: &str, value: &str| {
        let request = ec2::DescribeAddressesRequest { filters: vec![filter(name, &[value])], ..Default::default() };
        lab.ok(request).await.addresses.len()
    };
    let instance = lab.instance(&other).await;
    let eni = instance.network_interfaces[0].network_interface_id.clone().expect("an id");
    let association = lab.ok(ec2::DescribeAddressesRequest::default()).await.addresses.remove(0).association_id.expect("an id");
    for (name, value) in [
        ("allocation-id", second.as_str()),
        ("association-id", &association),
        ("domain", "vpc"),
        ("instance-id", &other),
        ("network-border-group", "us-east-1"),
        ("network-interface-id", &eni),
        ("network-interface-owner-id", ALICE),
        ("private-ip-address", instance.private_ip_address.as_deref().expect("an address")),
        ("public-ip", &second_address),
    ] {
        assert_eq!((find(name, value).await, find(name, "else").await), (1, 0), "{name}");
    }
    let instances = async |name: &str, value: &str| {
        let request = ec2::DescribeInstancesRequest { filters: vec![filter(name, &[value])], ..Default::default() };
        lab.ok(request).await.reservations.len()
    };
    assert_eq!(instances("network-interface.association.allocation-id", &second).await, 1);
    assert_eq!(instances("network-interface.addresses.association.association-id", &association).await, 1);
}

#[tokio::test]
async fn what_an_address_can_not_be_put_on_is_refused() {
    let lab = Lab::with(|config| config.public_addresses = "198.18.0.0/29".parse().expect("a pool")).await;
    let _agent = Agent::obedient(&lab).await;
    let id = running(&lab).await;
    let (allocation, address) = allocate(&lab).await;
    let put_on = |instance: Option<&str>, interface: Option<&str>| ec2::AssociateAddressRequest {
        allocation_id: Some(allocation.clone()),
        instance_id: instance.map(Into::into),
        network_interface_id: interface.map(Into::into),
        ..Default::default()
    };
    let of = |allocation: Option<&str>, address: Option<&str>| ec2::AssociateAddressRequest {
        allocation_id: allocation.map(Into::into),
        public_ip: address.map(Into::into),
        instance_id: Some(id.clone()),
        ..Default::default()
    };
    assert_eq!(lab.code(of(None, None)).await, ErrorCode::MissingParameter);
    assert_eq!(lab.code(of(Some(&allocation), Some(&address))).await, ErrorCode::InvalidParameterCombination);
    assert_eq!(lab.code(of(Some("eipalloc-zzz"), None)).await, ErrorCode::InvalidAllocationIdMalformed);
    assert_eq!(lab.code(of(Some(ABSENT), None)).await, ErrorCode::InvalidAllocationIdNotFound);
    assert_eq!(lab.code(of(None, Some("198.18.0.99"))).await, ErrorCode::InvalidAddressNotFound);
    assert_eq!(lab.code(put_on(None, None)).await, ErrorCode::MissingParameter);
    assert_eq!(lab.code(put_on(Some("i-0123456789abcdef0"), Some("eni-0123456789abcdef0"))).await, ErrorCode::InvalidInstanceIdNotFound);
    assert_eq!(lab.code(put_on(Some("i-zzz"), None)).await, ErrorCode::InvalidInstanceIdMalformed);
    assert_eq!(lab.code(put_on(Some("i-0123456789abcdef0"), None)).await, ErrorCode::InvalidInstanceIdNotFound);
    assert_eq!(lab.code(put_on(None, Some("eni-zzz"))).await, ErrorCode::InvalidNetworkInterfaceIdMalformed);
    assert_eq!(lab.code(put_on(None, Some("eni-0123456789abcdef0"))).await, ErrorCode::InvalidNetworkInterfaceIdNotFound);
    let wrong = ec2::AssociateAddressRequest { private_ip_address: Some("172.31.255.1".into()), ..put_on(Some(&id), None) };
    assert_eq!(lab.code(wrong).await, ErrorCode::InvalidParameterValue);
    assert_eq!(lab.call(BOB, of(Some(&allocation), None)).await.expect_err("foreign").code, ErrorCode::InvalidAllocationIdNotFound);
    // The pool has six: the instance's and this one, and then no more.
    for _ in 0..4 {
        allocate(&lab).await;
    }
    assert_eq!(lab.code(ec2::AllocateAddressRequest::default()).await, ErrorCode::InsufficientAddressCapacity);
    let association = lab.ok(of(None, Some(&address))).await.association_id.expect("an id");
    let last = allocate(&lab).await;
    assert_ne!(last.1, address, "the instance's old one");
    lab.ok(take(&association)).await;
    assert_eq!(lab.instance(&id).await.public_ip_address, None, "the pool has none for it");
    without_a_gateway(&lab, &allocation).await;
    lab.terminate(&id).await;
    assert_eq!(lab.code(put_on(Some(&id), None)).await, ErrorCode::IncorrectInstanceState);
}

async fn without_a_gateway(lab: &Lab, allocation: &str) {
    let vpc = lab.ok(ec2::CreateVpcRequest { cidr_block: Some("10.0.0.0/16".into()), ..Default::default() }).await.vpc.expect("a VPC");
    let subnet = ec2::CreateSubnetRequest {
        vpc_id: vpc.vpc_id.expect("an id"),
        cidr_block: Some("10.0.0.0/24".into()),
        availability_zone: Some("us-east-1a".into()),
        ..Default::default()
    };
    let subnet_id = lab.ok(subnet).await.subnet.expect("a subnet").subnet_id;
    let inside = lab.run(ec2::RunInstancesRequest { subnet_id, ..lab.launch() }).await.instance_id.expect("an id");
    assert_eq!(lab.code(put(allocation, &inside)).await, ErrorCode::GatewayNotAttached);
    super::routes::second_interface(lab).await;
    let doubled =
        lab.ok(ec2::DescribeNetworkInterfacesRequest { network_interface_ids: vec!["eni-00000000000000001".into()], ..Default::default() });
    let attachment = doubled.await.network_interfaces.remove(0).attachment.expect("an attachment");
    assert_eq!(lab.code(put(allocation, &attachment.instance_id.expect("an id"))).await, ErrorCode::InvalidInstanceId);
}

#[tokio::test]
async fn each_private_address_has_one_of_its_own_which_goes_where_it_goes() {
    let lab = Lab::new().await;
    let agent = Agent::obedient(&lab).await;
    let (one, other) = (running(&lab).await, running(&lab).await);
    let interface = async |id: &str| lab.instance(id).await.network_interfaces.remove(0);
    let eni = interface(&one).await.network_interface_id.expect("an id");
    let assign = |eni: &str, addresses: Vec<String>| ec2::AssignPrivateIpAddressesRequest {
        network_interface_id: eni.into(),
        secondary_private_ip_address_count: addresses.is_empty().then_some(1),
        allow_reassignment: Some(!addresses.is_empty()),
        private_ip_addresses: addresses,
        ..Default::default()
    };
    let assigned = lab.ok(assign(&eni, Vec::new())).await.assigned_private_ip_addresses.remove(0);
    let secondary = assigned.private_ip_address.expect("an address");
    let ((first, first_address), (second, second_address)) = (allocate(&lab).await, allocate(&lab).await);
    let at = |allocation: &str, private: &str| ec2::AssociateAddressRequest {
        allocation_id: Some(allocation.into()),
        network_interface_id: Some(eni.clone()),
        private_ip_address: Some(private.into()),
        ..Default::default()
    };
    assert_eq!(lab.code(at(&first, "172.31.255.250")).await, ErrorCode::InvalidParameterValue, "it has no such address");
    let primary = interface(&one).await.private_ip_address.expect("an address");
    lab.ok(at(&first, &primary)).await;
    lab.ok(at(&second, &secondary)).await;
    let keep = ec2::AssociateAddressRequest { allow_reassociation: Some(false), ..at(&first, &secondary) };
    assert_eq!(lab.code(keep).await, ErrorCode::ResourceAlreadyAssociated);
    let of = |interface: &ec2::InstanceNetworkInterface| {
        let addresses = interface.private_ip_addresses.iter();
        let one = |address: &ec2::InstancePrivateIpAddress| address.association.as_ref().and_then(|given| given.public_ip.clone());
        addresses.map(one).collect::<Vec<_>>()
    };
    let shown = interface(&one).await;
    assert_eq!(of(&shown), [Some(first_address.clone()), Some(second_address.clone())]);
    assert_eq!(shown.association.and_then(|association| association.public_ip).as_ref(), Some(&first_address), "the primary one's");
    assert_eq!(lab.instance(&one).await.public_ip_address.as_ref(), Some(&first_address));
    let find = ec2::DescribeAddressesRequest { filters: vec![filter("private-ip-address", &[secondary.as_str()])], ..Default::default() };
    let [found] = lab.ok(find).await.addresses.try_into().expect("one address");
    assert_eq!((found.public_ip.as_ref(), found.private_ip_address.as_ref()), (Some(&second_address), Some(&secondary)));
    let told = |told: &crate::lab::Told, id: &str| {
        let interface = told.instances.get(id).and_then(|one| one.interfaces.first().cloned());
        let others = interface.into_iter().flat_map(|interface| interface.other_public_ip_addresses);
        others.map(|other| (other.public_ip_address, other.private_ip_address)).collect::<Vec<_>>()
    };
    let both = (second_address.clone(), secondary.clone());
    agent.until_told("of the second", |all| told(all, &one) == [both.clone()]).await;

    // Where the private address goes, the other follows.
    let there = interface(&other).await.network_interface_id.expect("an id");
    lab.ok(assign(&there, vec![secondary.clone()])).await;
    agent.until_told("that it moved", |all| told(all, &one).is_empty() && told(all, &other) == [both.clone()]).await;
    assert_eq!(of(&interface(&other).await)[1].as_ref(), Some(&second_address));
    let unassign =
        ec2::UnassignPrivateIpAddressesRequest { network_interface_id: there, private_ip_addresses: vec![secondary], ..Default::default() };
    lab.ok(unassign).await;
    agent.until_told("that it is gone", |all| told(all, &other).is_empty()).await;
    let left = ec2::DescribeAddressesRequest { allocation_ids: vec![second], ..Default::default() };
    assert_eq!(lab.ok(left).await.addresses.remove(0).association_id, None);
}
