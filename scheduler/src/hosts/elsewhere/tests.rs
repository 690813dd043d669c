//! What each host is told of the others' interfaces, when, and how much.

use freehold_proto::aws::ec2;
use freehold_proto::id::{HostId, OsEntropy};
use freehold_proto::internal::host::Hello;

use crate::lab::{Agent, Lab, Told, hello};

fn at(host_id: &str, tunnel_address: &str) -> Hello {
    Hello { tunnel_address: tunnel_address.into(), ..hello(host_id) }
}

async fn host(lab: &Lab, tunnel_address: &str) -> Agent {
    Agent::attend(lab, at(HostId::draw(&OsEntropy).as_str(), tunnel_address), true).await
}

/// Two hosts, and an instance on each, in one VPC: the hosts' numbers are the instances'.
async fn two(lab: &Lab) -> ([Agent; 2], [ec2::Instance; 2]) {
    let agents = [host(lab, "10.0.0.1").await, host(lab, "10.0.0.2").await];
    let launched = [lab.run(lab.launch()).await, lab.run(lab.launch()).await];
    for instance in &launched {
        lab.until_state(&id(instance), "running").await;
    }
    let [a, b] = launched;
    let first_has_a = agents[0].told().instances.contains_key(&id(&a));
    let instances = if first_has_a { [a, b] } else { [b, a] };
    for (agent, instance) in agents.iter().zip(&instances) {
        assert!(agent.told().instances.contains_key(&id(instance)), "one on each");
    }
    (agents, instances)
}

fn id(instance: &ec2::Instance) -> String {
    instance.instance_id.clone().expect("an id")
}

fn interface(instance: &ec2::Instance) -> String {
    instance.network_interfaces[0].network_interface_id.clone().expect("an id")
}

fn keys(told: &Told) -> Vec<String> {
    told.elsewhere.keys().cloned().collect()
}

#[tokio::test]
async fn each_host_is_told_of_the_others_interface_until_it_is_gone_and_of_nothing_else() {
    let lab = Lab::new().await;
    let ([one, two], [a, b]) = two(&lab).await;
    for (agent, other, address) in [(&one, &b, "10.0.0.2"), (&two, &a, "10.0.0.1")] {
        let told = agent.until_told("the other one", |told| keys(told) == [interface(other)]).await;
        let stated = &told.elsewhere[&interface(other)];
        assert_eq!(stated.tunnel_address, address);
        assert_eq!((Some(&stated.vpc_id), Some(&stated.subnet_id)), (other.vpc_id.as_ref(), other.subnet_id.as_ref()));
        assert_eq!(stated.private_ip_addresses, [other.private_ip_address.clone().expect("an address")]);
        assert_eq!(stated.security_group_ids, [other.security_groups[0].group_id.clone().expect("a group")]);
        assert!(stated.source_dest_check);
        assert_eq!(told.statements, [1, 1, 1], "the VPC, its group, the one interface; nothing twice");
    }
    lab.terminate(&id(&b)).await;
    let told = one.until_told("it is gone", |told| told.elsewhere.is_empty()).await;
    assert_eq!(told.statements, [1, 1, 2]);
}

#[tokio::test]
async fn a_change_of_an_interface_is_one_small_message() {
    let lab = Lab::new().await;
    let ([one, _two], [_, b]) = two(&lab).await;
    one.until_told("the other one", |told| told.elsewhere.len() == 1).await;
    let assign = ec2::AssignPrivateIpAddressesRequest {
        network_interface_id: interface(&b),
        secondary_private_ip_address_count: Some(1),
        ..Default::default()
    };
    lab.ok(assign).await;
    let told = one.until_told("its addresses", |told| told.elsewhere[&interface(&b)].private_ip_addresses.len() == 2).await;
    assert_eq!(told.elsewhere[&interface(&b)].private_ip_addresses.first(), b.private_ip_address.as_ref(), "the primary one is first");
    assert_eq!(told.statements, [1, 1, 2]);
    let unchecked = ec2::ModifyNetworkInterfaceAttributeRequest {
        network_interface_id: interface(&b),
        source_dest_check: Some(ec2::AttributeBooleanValue { value: Some(false) }),
        ..Default::default()
    };
    lab.ok(unchecked).await;
    let told = one.until_told("it forwards", |told| !told.elsewhere[&interface(&b)].source_dest_check).await;
    assert_eq!(told.statements, [1, 1, 3]);
}

#[tokio::test]
async fn what_concerns_no_interface_of_another_host_says_nothing() {
    let lab = Lab::new().await;
    let ([one, _two], [a, b]) = two(&lab).await;
    one.until_told("the other one", |told| told.elsewhere.len() == 1).await;
    lab.stop(&id(&b)).await;
    lab.until_state(&id(&b), "stopped").await;
    lab.start(&id(&b)).await;
    lab.until_state(&id(&b), "running").await;
    lab.stop(&id(&a)).await;
    lab.until_state(&id(&a), "stopped").await;
    let told = one.told();
    assert_eq!(told.statements, [1, 1, 3], "its public address went when it stopped, and another came");
    assert_eq!(told.public_statements, 4, "the other host, the first address, its end, the second one");
}

#[tokio::test]
async fn a_host_that_comes_back_elsewhere_is_said_to_be_there_and_states_everything_anew_to_itself() {
    let lab = Lab::new().await;
    let ([one, two], [a, b]) = two(&lab).await;
    one.until_told("the other one", |told| told.elsewhere.len() == 1).await;
    let host_id = two.host_id.clone();
    two.leave();
    let two = Agent::attend(&lab, at(&host_id, "10.0.0.7"), true).await;
    assert_eq!(keys(&two.told()), [interface(&a)], "before the list is complete");
    let told = one.until_told("its new address", |told| told.elsewhere[&interface(&b)].tunnel_address == "10.0.0.7").await;
    assert_eq!(told.statements, [1, 1, 2]);
    two.leave();
    let two = Agent::attend(&lab, hello(&host_id), true).await;
    assert!(two.told().elsewhere.is_empty(), "a host without a tunnel address reaches nobody");
    one.until_told("nor does anybody reach it", |told| told.elsewhere.is_empty()).await;
}

#[tokio::test]
async fn a_host_that_left_a_vpc_and_enters_it_again_is_told_all_of_it_again() {
    let lab = Lab::new().await;
    let ([one, two], [a, b]) = two(&lab).await;
    one.until_told("the other one", |told| told.elsewhere.len() == 1).await;
    lab.terminate(&id(&a)).await;
    lab.until_state(&id(&a), "terminated").await;
    let vpc_id = b.vpc_id.clone().expect("a VPC");
    one.until_told("the VPC is buried", |told| told.tombstones.iter().any(|tombstone| tombstone.id == vpc_id)).await;
    two.until_told("it is gone", |told| told.elsewhere.is_empty()).await;
    let before = one.told().statements;
    // The emptier host is the one that has none.
    let again = lab.run(lab.launch()).await;
    let told = one.until_told("the new one", |told| told.instances.contains_key(&id(&again))).await;
    assert_eq!(told.statements[2], before[2] + 1);
    assert_eq!(keys(&told), [interface(&b)]);
    two.until_told("the new one", |told| keys(told) == [interface(&again)]).await;
}

#[tokio::test]
async fn a_nat_gateway_and_an_attached_interface_are_elsewhere_as_an_instance_s_own_is() {
    let lab = Lab::new().await;
    let ([one, two], [a, b]) = two(&lab).await;
    let subnet_id = a.subnet_id.clone();
    let private = ec2::CreateNatGatewayRequest { subnet_id, connectivity_type: Some("private".into()), ..Default::default() };
    let gateway = lab.ok(private).await.nat_gateway.expect("a gateway");
    let (gateway_id, eni) = (gateway.nat_gateway_id.expect("an id"), gateway.nat_gateway_addresses[0].network_interface_id.clone());
    let eni = eni.expect("an interface");
    crate::lab::eventually("a host has it", async || [&one, &two].iter().any(|agent| agent.told().nat_gateways.contains_key(&gateway_id)))
        .await;
    let other = if one.told().nat_gateways.contains_key(&gateway_id) { &two } else { &one };
    let told = other.until_told("the gateway's interface", |told| told.elsewhere.contains_key(&eni)).await;
    assert!(!told.elsewhere[&eni].source_dest_check && told.elsewhere[&eni].security_group_ids.is_empty());
    lab.ok(ec2::DeleteNatGatewayRequest { nat_gateway_id: gateway_id, dry_run: None }).await;
    other.until_told("it is gone", |told| !told.elsewhere.contains_key(&eni)).await;

    let create = ec2::CreateNetworkInterfaceRequest { subnet_id: b.subnet_id.clone().expect("a subnet"), ..Default::default() };
    let made = lab.ok(create).await.network_interface.expect("an interface").network_interface_id.expect("an id");
    let attach = ec2::AttachNetworkInterfaceRequest {
        network_interface_id: made.clone(),
        instance_id: id(&b),
        device_index: 1,
        ..Default::default()
    };
    let attachment = lab.ok(attach).await.attachment_id.expect("an id");
    one.until_told("the second interface of the other's", |told| told.elsewhere.contains_key(&made)).await;
    lab.ok(ec2::DetachNetworkInterfaceRequest { attachment_id: attachment, force: None, dry_run: None }).await;
    one.until_told("that its packets have ended", |told| !told.elsewhere.contains_key(&made)).await;
}

/// An address of the account's own.
async fn allocate(lab: &Lab) -> (String, String) {
    let address = lab.ok(ec2::AllocateAddressRequest::default()).await;
    (address.allocation_id.expect("an id"), address.public_ip.expect("an address"))
}

fn associate(allocation_id: &str, interface: &str) -> ec2::AssociateAddressRequest {
    ec2::AssociateAddressRequest {
        allocation_id: Some(allocation_id.into()),
        network_interface_id: Some(interface.into()),
        allow_reassociation: Some(true),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_public_address_is_said_once_to_each_other_host_and_once_more_when_it_is_another() {
    let lab = Lab::new().await;
    let ([one, two], [a, b]) = two(&lab).await;
    let third = host(&lab, "10.0.0.3").await;
    let alone = Agent::attend(&lab, hello(HostId::draw(&OsEntropy).as_str()), true).await;
    let public = b.public_ip_address.clone().expect("the default subnet gives one");
    let told = one.until_told("the address", |told| told.public_elsewhere.get(&public).is_some_and(|at| at == "10.0.0.2")).await;
    assert_eq!(told.elsewhere[&interface(&b)].public_ip_addresses[0].public_ip_address, public);
    let of_a = a.public_ip_address.clone().expect("one");
    let told = third.until_told("both, though it has nothing of the VPC", |told| told.public_elsewhere.len() == 4).await;
    assert!(told.vpcs.is_empty() && told.public_elsewhere[&of_a] == "10.0.0.1" && told.public_elsewhere["10.0.0.1"] == "10.0.0.1");
    assert_eq!(told.public_statements, 4, "two hosts and two addresses, before the list was complete");

    // The account's own takes its place: that one is gone, and the other is there.
    let (allocation_id, elastic) = allocate(&lab).await;
    let (before, at_third) = (one.told(), third.told().public_statements);
    lab.ok(associate(&allocation_id, &interface(&b))).await;
    let moved = |told: &Told| told.public_elsewhere.contains_key(&elastic) && !told.public_elsewhere.contains_key(&public);
    let told = one.until_told("the other address", moved).await;
    one.until_told("the interface says it, too", |told| {
        told.elsewhere[&interface(&b)].public_ip_addresses.first().is_some_and(|it| it.public_ip_address == elastic)
    })
    .await;
    assert_eq!(told.public_statements, before.public_statements + 2);
    assert_eq!(one.told().statements[2], before.statements[2] + 1, "in the same statement as ever");
    third.until_told("the other address", moved).await;
    assert_eq!(third.told().public_statements, at_third + 2);

    // It goes to an interface on the first host: whoever had it elsewhere forgets it, the others hear where it is.
    lab.ok(associate(&allocation_id, &interface(&a))).await;
    one.until_told("it is here", |told| !told.public_elsewhere.contains_key(&elastic)).await;
    two.until_told("it is there", |told| told.public_elsewhere.get(&elastic).is_some_and(|at| at == "10.0.0.1")).await;
    third.until_told("it has moved", |told| told.public_elsewhere.get(&elastic).is_some_and(|at| at == "10.0.0.1")).await;
    assert_eq!(alone.told().public_statements, 0, "a host without a tunnel address reaches nobody");
}

#[tokio::test]
async fn public_addresses_follow_their_host_s_tunnel_address() {
    let lab = Lab::new().await;
    let ([one, two], [_, b]) = two(&lab).await;
    let public = b.public_ip_address.clone().expect("one");
    one.until_told("the address", |told| told.public_elsewhere.contains_key(&public)).await;
    let host_id = two.host_id.clone();
    two.leave();
    let two = Agent::attend(&lab, at(&host_id, "10.0.0.7"), true).await;
    let told = one.until_told("its new place", |told| told.public_elsewhere.get(&public).is_some_and(|at| at == "10.0.0.7")).await;
    assert!(told.public_elsewhere.contains_key("10.0.0.7") && !told.public_elsewhere.contains_key("10.0.0.2"));
    two.leave();
    let _two = Agent::attend(&lab, hello(&host_id), true).await;
    one.until_told("it takes none any more", |told| told.public_elsewhere.is_empty()).await;
}
