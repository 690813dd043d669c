//! Interfaces that are attached to instances and detached again: states, refusals, and what hosts are told.

use freehold_proto::internal::host::InstanceObserved;

use super::*;
use crate::lab::{Agent, BOB, Lab, as_desired};
use crate::network::attachment::{ATTACHED, ATTACHING, DETACHING};

const ABSENT: &str = "eni-0123456789abcdef0";

fn attach(interface: &str, instance: &str, device_index: i32) -> ec2::AttachNetworkInterfaceRequest {
    ec2::AttachNetworkInterfaceRequest {
        network_interface_id: interface.into(),
        instance_id: instance.into(),
        device_index,
        ..Default::default()
    }
}

fn detach(attachment: &str, force: Option<bool>) -> ec2::DetachNetworkInterfaceRequest {
    ec2::DetachNetworkInterfaceRequest { attachment_id: attachment.into(), force, dry_run: None }
}

async fn running(lab: &Lab) -> ec2::Instance {
    let id = lab.run(lab.launch()).await.instance_id.expect("an id");
    lab.until_state(&id, "running").await;
    lab.instance(&id).await
}

async fn interface_in(lab: &Lab, subnet: Option<String>) -> String {
    let create = ec2::CreateNetworkInterfaceRequest { subnet_id: subnet.unwrap_or_default(), ..Default::default() };
    lab.ok(create).await.network_interface.expect("an interface").network_interface_id.expect("an id")
}

async fn shown(lab: &Lab, interface: &str) -> ec2::NetworkInterface {
    let asked = ec2::DescribeNetworkInterfacesRequest { network_interface_ids: vec![interface.into()], ..Default::default() };
    lab.ok(asked).await.network_interfaces.remove(0)
}

async fn status(lab: &Lab, interface: &str) -> Option<String> {
    shown(lab, interface).await.attachment.and_then(|attachment| attachment.status)
}

#[tokio::test]
async fn a_running_guest_takes_an_interface_and_lets_go_of_it_and_the_host_s_word_counts() {
    let lab = Lab::new().await;
    let agent = Agent::silent(&lab).await;
    let id = lab.run(lab.launch()).await.instance_id.expect("an id");
    let has = |wanted: usize| {
        let id = id.clone();
        move |told: &crate::lab::Told| told.instances.get(&id).is_some_and(|one| one.interfaces.len() == wanted)
    };
    let told = agent.until_told("the instance", has(1)).await;
    agent.report(as_desired(&told.instances[&id])).await;
    lab.until_state(&id, "running").await;
    let interface = interface_in(&lab, lab.instance(&id).await.subnet_id).await;

    let attached = lab.ok(attach(&interface, &id, 1)).await;
    assert_eq!(attached.network_card_index, Some(0));
    let attachment = attached.attachment_id.expect("an id");
    assert_eq!(status(&lab, &interface).await.as_deref(), Some(ATTACHING));
    let told = agent.until_told("the second interface", has(2)).await;
    let desired = told.instances[&id].clone();
    // What the guest has not, the API does not say.
    agent.report(InstanceObserved { network_interface_ids: vec![], ..as_desired(&desired) }).await;
    agent.report(as_desired(&desired)).await;
    crate::lab::eventually("it is attached", async || status(&lab, &interface).await.as_deref() == Some(ATTACHED)).await;
    assert_eq!(lab.instance(&id).await.network_interfaces.len(), 2);

    lab.ok(detach(&attachment, None)).await;
    assert_eq!(status(&lab, &interface).await.as_deref(), Some(DETACHING));
    let told = agent.until_told("to take it away", has(1)).await;
    lab.ok(detach(&attachment, None)).await;
    // The guest has not let go.
    let holding = InstanceObserved {
        network_interface_ids: desired.interfaces.iter().map(|one| one.network_interface_id.clone()).collect(),
        ..as_desired(&told.instances[&id])
    };
    agent.report(holding).await;
    assert_eq!(lab.code(attach(&interface, &id, 2)).await, ErrorCode::InvalidNetworkInterfaceInUse);
    agent.report(as_desired(&told.instances[&id])).await;
    crate::lab::eventually("it is free", async || status(&lab, &interface).await.is_none()).await;
    assert_eq!(shown(&lab, &interface).await.status.as_deref(), Some("available"));

    let attachment = lab.ok(attach(&interface, &id, 1)).await.attachment_id.expect("an id");
    lab.ok(detach(&attachment, Some(true))).await;
    assert_eq!(status(&lab, &interface).await, None, "by force");
}

#[tokio::test]
async fn a_stopped_instance_has_it_at_once_and_starts_with_it() {
    let lab = Lab::new().await;
    let agent = Agent::obedient(&lab).await;
    let instance = running(&lab).await;
    let id = instance.instance_id.clone().expect("an id");
    let interface = interface_in(&lab, instance.subnet_id).await;
    lab.stop(&id).await;
    assert_eq!(lab.code(attach(&interface, &id, 1)).await, ErrorCode::IncorrectInstanceState);
    lab.until_state(&id, "stopped").await;
    let attachment = lab.ok(attach(&interface, &id, 3)).await.attachment_id.expect("an id");
    assert_eq!(status(&lab, &interface).await.as_deref(), Some(ATTACHED));
    lab.start(&id).await;
    lab.until_state(&id, "running").await;
    agent.until_told("both", |told| told.instances[&id].interfaces.iter().map(|one| one.device_index).eq([0, 3])).await;
    lab.stop(&id).await;
    lab.until_state(&id, "stopped").await;
    lab.ok(detach(&attachment, None)).await;
    assert_eq!(status(&lab, &interface).await, None);

    lab.ok(attach(&interface, &id, 1)).await;
    lab.terminate(&id).await;
    lab.until_state(&id, "terminated").await;
    assert_eq!(status(&lab, &interface).await, None, "it outlives the instance");
}

#[tokio::test]
async fn every_code_of_attaching_and_detaching_is_provoked() {
    let lab = Lab::new().await;
    let _agent = Agent::obedient(&lab).await;
    let instance = running(&lab).await;
    let id = instance.instance_id.clone().expect("an id");
    let interface = interface_in(&lab, instance.subnet_id.clone()).await;
    for (request, code) in [
        (attach("", &id, 1), ErrorCode::MissingParameter),
        (attach(&interface, "", 1), ErrorCode::MissingParameter),
        (attach("eni-zzz", &id, 1), ErrorCode::InvalidNetworkInterfaceIdMalformed),
        (attach(ABSENT, &id, 1), ErrorCode::InvalidNetworkInterfaceIdNotFound),
        (attach(&interface, "i-zzz", 1), ErrorCode::InvalidInstanceIdMalformed),
        (attach(&interface, "i-0123456789abcdef0", 1), ErrorCode::InvalidInstanceIdNotFound),
        (attach(&interface, &id, 0), ErrorCode::InvalidParameterValue),
        (attach(&interface, &id, -1), ErrorCode::InvalidParameterValue),
        (attach(&interface, &id, 32), ErrorCode::InvalidParameterValue),
    ] {
        assert_eq!(lab.code(request.clone()).await, code, "{request:?}");
    }
    let foreign = lab.call(BOB, attach(&interface, &id, 1)).await.expect_err("foreign").code;
    assert_eq!(foreign, ErrorCode::InvalidNetworkInterfaceIdNotFound);
    let other_zone = ec2::DescribeSubnetsRequest { filters: vec![filter("availability-zone", &["us-east-1b"])], ..Default::default() };
    let other_zone = lab.ok(other_zone).await.subnets.remove(0).subnet_id;
    assert_eq!(lab.code(attach(&interface_in(&lab, other_zone).await, &id, 1)).await, ErrorCode::InvalidParameterCombination);
    let vpc = lab.ok(ec2::CreateVpcRequest { cidr_block: Some("10.0.0.0/16".into()), ..Default::default() }).await.vpc.expect("a VPC");
    let subnet = ec2::CreateSubnetRequest {
        vpc_id: vpc.vpc_id.expect("an id"),
        cidr_block: Some("10.0.0.0/24".into()),
        availability_zone: Some("us-east-1a".into()),
        ..Default::default()
    };
    let subnet = lab.ok(subnet).await.subnet.expect("a subnet").subnet_id;
    assert_eq!(lab.code(attach(&interface_in(&lab, subnet).await, &id, 1)).await, ErrorCode::InvalidParameterCombination);
    let large = ec2::CreateNetworkInterfaceRequest {
        subnet_id: instance.subnet_id.clone().expect("a subnet"),
        secondary_private_ip_address_count: Some(2),
        ..Default::default()
    };
    let large = lab.ok(large).await.network_interface.expect("an interface").network_interface_id.expect("an id");
    assert_eq!(lab.code(attach(&large, &id, 1)).await, ErrorCode::PrivateIpAddressLimitExceeded, "a t3.micro's has two");

    let attachment = lab.ok(attach(&interface, &id, 1)).await.attachment_id.expect("an id");
    let another = interface_in(&lab, instance.subnet_id).await;
    assert_eq!(lab.code(attach(&another, &id, 1)).await, ErrorCode::InvalidParameterValue, "the index is taken");
    assert_eq!(lab.code(attach(&another, &id, 2)).await, ErrorCode::AttachmentLimitExceeded, "a t3.micro has two");
    let primary = instance.network_interfaces[0].attachment.clone().expect("an attachment").attachment_id.expect("an id");
    for (request, code) in [
        (detach("", None), ErrorCode::MissingParameter),
        (detach("eni-attach-zzz", None), ErrorCode::InvalidAttachmentIdMalformed),
        (detach("eni-attach-0123456789abcdef0", None), ErrorCode::InvalidAttachmentIdNotFound),
        (detach(&primary, Some(true)), ErrorCode::OperationNotPermitted),
    ] {
        assert_eq!(lab.code(request.clone()).await, code, "{request:?}");
    }
    assert_eq!(lab.call(BOB, detach(&attachment, None)).await.expect_err("foreign").code, ErrorCode::InvalidAttachmentIdNotFound);
}
