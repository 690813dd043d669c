//! Every error code that the actions of VPCs declare.

use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};

use super::refusals::{many_keys, refuse_filters, refuse_ids, refuse_pages, strings};
use super::*;
use crate::store::{internet_gateway, network_interface, security_group, vpc};

pub async fn refusals(bench: &Bench) {
    describes(bench).await;
    vpcs(bench).await;
    blocks(bench).await;
    attributes(bench).await;
    subnets(bench).await;
    gateways(bench).await;
    interfaces(bench).await;
    default_ones(bench).await;
    limits(bench).await;
}

pub async fn new_vpc(bench: &Bench, block: &str) -> ec2::Vpc {
    let request = ec2::CreateVpcRequest { cidr_block: Some(block.into()), ..Default::default() };
    bench.get(request).await.vpc.expect("a VPC")
}

pub fn subnet_of(vpc: &str, block: &str) -> ec2::CreateSubnetRequest {
    ec2::CreateSubnetRequest { vpc_id: vpc.into(), cidr_block: Some(block.into()), ..Default::default() }
}

pub fn too_many_tags(resource_type: &str) -> Vec<ec2::TagSpecification> {
    tagged(resource_type, &many_keys().iter().map(|key| (key.as_str(), "v")).collect::<Vec<_>>())
}

async fn describes(bench: &Bench) {
    refuse_filters!(bench, DescribeRouteTablesRequest, "vpc-id");
    refuse_pages!(bench, DescribeRouteTablesRequest);
    refuse_ids!(bench, DescribeRouteTablesRequest, route_table_ids, "rtb", InvalidRouteTableIdMalformed, InvalidRouteTableIdNotFound);
    refuse_filters!(bench, DescribeNetworkAclsRequest, "vpc-id");
    refuse_pages!(bench, DescribeNetworkAclsRequest);
    refuse_ids!(bench, DescribeNetworkAclsRequest, network_acl_ids, "acl", InvalidNetworkAclIdMalformed, InvalidNetworkAclIdNotFound);
    refuse_filters!(bench, DescribeDhcpOptionsRequest, "key");
    refuse_pages!(bench, DescribeDhcpOptionsRequest);
    refuse_ids!(bench, DescribeDhcpOptionsRequest, dhcp_options_ids, "dopt", InvalidDhcpOptionsIdMalformed, InvalidDhcpOptionsIdNotFound);
    refuse_filters!(bench, DescribeInternetGatewaysRequest, "owner-id");
    refuse_pages!(bench, DescribeInternetGatewaysRequest);
    refuse_ids!(
        bench,
        DescribeInternetGatewaysRequest,
        internet_gateway_ids,
        "igw",
        InvalidInternetGatewayIdMalformed,
        InvalidInternetGatewayIdNotFound
    );
}

async fn vpcs(bench: &Bench) {
    let create = |block: &str| ec2::CreateVpcRequest { cidr_block: Some(block.into()), ..Default::default() };
    bench.refused(ErrorCode::MissingParameter, ec2::CreateVpcRequest::default()).await;
    bench.refused(ErrorCode::InvalidParameterValue, create("10.0.0.0")).await;
    bench.refused(ErrorCode::InvalidVpcRange, create("10.0.0.0/8")).await;
    let tags = ec2::CreateVpcRequest { tag_specifications: too_many_tags("vpc"), ..create("10.0.0.0/16") };
    bench.refused(ErrorCode::TagLimitExceeded, tags).await;
    let delete = |id: &str| ec2::DeleteVpcRequest { vpc_id: id.into(), dry_run: None };
    bench.refused(ErrorCode::MissingParameter, delete("")).await;
    bench.refused(ErrorCode::InvalidVpcIdMalformed, delete("vpc-zzz")).await;
    bench.refused(ErrorCode::InvalidVpcIdNotFound, delete("vpc-0123456789abcdef0")).await;
    let vpc = new_vpc(bench, "10.0.0.0/16").await.vpc_id.expect("an id");
    assert_eq!(bench.ask(TWO, delete(&vpc)).await.expect_err("foreign").code, ErrorCode::InvalidVpcIdNotFound);
    let subnet = bench.get(subnet_of(&vpc, "10.0.0.0/24")).await.subnet.expect("a subnet").subnet_id.expect("an id");
    let fault = bench.refused(ErrorCode::DependencyViolation, delete(&vpc)).await;
    assert!(fault.message.contains(&subnet), "{}", fault.message);
}

async fn blocks(bench: &Bench) {
    let vpc = new_vpc(bench, "10.8.0.0/16").await;
    let (id, first) = (vpc.vpc_id.expect("an id"), vpc.cidr_block_association_set[0].association_id.clone().expect("an id"));
    let associate = |id: &str, block: &str| ec2::AssociateVpcCidrBlockRequest {
        vpc_id: id.into(),
        cidr_block: Some(block.into()),
        ..Default::default()
    };
    let disassociate = |id: &str| ec2::DisassociateVpcCidrBlockRequest { association_id: id.into() };
    bench.refused(ErrorCode::MissingParameter, associate("", "10.9.0.0/16")).await;
    bench.refused(ErrorCode::MissingParameter, associate(&id, "")).await;
    bench.refused(ErrorCode::InvalidVpcIdMalformed, associate("vpc-zzz", "10.9.0.0/16")).await;
    bench.refused(ErrorCode::InvalidVpcIdNotFound, associate("vpc-0123456789abcdef0", "10.9.0.0/16")).await;
    bench.refused(ErrorCode::InvalidParameterValue, associate(&id, "10.9.0.0")).await;
    bench.refused(ErrorCode::InvalidVpcRange, associate(&id, "10.8.1.0/24")).await;
    let added = bench.get(associate(&id, "10.9.0.0/16")).await.cidr_block_association.expect("an association");
    let added = added.association_id.expect("an id");
    for block in ["10.10.0.0/16", "10.11.0.0/16", "10.12.0.0/16"] {
        bench.get(associate(&id, block)).await;
    }
    bench.refused(ErrorCode::VpcCidrLimitExceeded, associate(&id, "10.13.0.0/16")).await;
    bench.get(subnet_of(&id, "10.9.1.0/24")).await;
    bench.refused(ErrorCode::MissingParameter, disassociate("")).await;
    bench.refused(ErrorCode::InvalidVpcCidrBlockAssociationIdMalformed, disassociate("vpc-cidr-assoc-zzz")).await;
    bench.refused(ErrorCode::InvalidVpcCidrBlockAssociationIdNotFound, disassociate("vpc-cidr-assoc-0123456789abcdef0")).await;
    bench.refused(ErrorCode::OperationNotPermitted, disassociate(&first)).await;
    bench.refused(ErrorCode::InvalidCidrBlockInUse, disassociate(&added)).await;
}

async fn attributes(bench: &Bench) {
    let vpc = new_vpc(bench, "10.20.0.0/16").await.vpc_id.expect("an id");
    let show = |id: &str, attribute: &str| ec2::DescribeVpcAttributeRequest {
        vpc_id: id.into(),
        attribute: attribute.into(),
        ..Default::default()
    };
    bench.refused(ErrorCode::MissingParameter, show("", "enableDnsSupport")).await;
    bench.refused(ErrorCode::MissingParameter, show(&vpc, "")).await;
    bench.refused(ErrorCode::InvalidParameterValue, show(&vpc, "colour")).await;
    bench.refused(ErrorCode::InvalidVpcIdMalformed, show("vpc-zzz", "enableDnsSupport")).await;
    bench.refused(ErrorCode::InvalidVpcIdNotFound, show("vpc-0123456789abcdef0", "enableDnsSupport")).await;
    let is = |value| Some(ec2::AttributeBooleanValue { value: Some(value) });
    let of = |id: &str| ec2::ModifyVpcAttributeRequest { vpc_id: id.into(), enable_dns_support: is(false), ..Default::default() };
    bench.refused(ErrorCode::MissingParameter, of("")).await;
    bench.refused(ErrorCode::MissingParameter, ec2::ModifyVpcAttributeRequest { enable_dns_support: None, ..of(&vpc) }).await;
    bench.refused(ErrorCode::InvalidVpcIdMalformed, of("vpc-zzz")).await;
    bench.refused(ErrorCode::InvalidVpcIdNotFound, of("vpc-0123456789abcdef0")).await;
    let both = ec2::ModifyVpcAttributeRequest { enable_dns_hostnames: is(true), ..of(&vpc) };
    bench.refused(ErrorCode::InvalidParameterCombination, both.clone()).await;
    bench.get(of(&vpc)).await;
    bench.refused(ErrorCode::InvalidParameterValue, ec2::ModifyVpcAttributeRequest { enable_dns_support: None, ..both }).await;
}

async fn subnets(bench: &Bench) {
    let vpc = new_vpc(bench, "10.30.0.0/16").await.vpc_id.expect("an id");
    let id = bench.get(subnet_of(&vpc, "10.30.0.0/24")).await.subnet.expect("a subnet").subnet_id.expect("an id");
    bench.refused(ErrorCode::MissingParameter, subnet_of("", "10.30.1.0/24")).await;
    bench.refused(ErrorCode::MissingParameter, subnet_of(&vpc, "")).await;
    bench.refused(ErrorCode::InvalidVpcIdMalformed, subnet_of("vpc-zzz", "10.30.1.0/24")).await;
    bench.refused(ErrorCode::InvalidVpcIdNotFound, subnet_of("vpc-0123456789abcdef0", "10.30.1.0/24")).await;
    bench.refused(ErrorCode::InvalidParameterValue, subnet_of(&vpc, "10.30.1.0")).await;
    bench.refused(ErrorCode::InvalidSubnetRange, subnet_of(&vpc, "10.31.0.0/24")).await;
    bench.refused(ErrorCode::InvalidSubnetConflict, subnet_of(&vpc, "10.30.0.128/25")).await;
    let zone = |name: Option<&str>, id: Option<&str>| ec2::CreateSubnetRequest {
        availability_zone: name.map(Into::into),
        availability_zone_id: id.map(Into::into),
        ..subnet_of(&vpc, "10.30.1.0/24")
    };
    bench.refused(ErrorCode::InvalidParameterValue, zone(Some("us-east-1z"), None)).await;
    bench.refused(ErrorCode::InvalidParameterCombination, zone(Some("us-east-1a"), Some("use1-az1"))).await;
    let tags = ec2::CreateSubnetRequest { tag_specifications: too_many_tags("subnet"), ..subnet_of(&vpc, "10.30.1.0/24") };
    bench.refused(ErrorCode::TagLimitExceeded, tags).await;
    let delete = |id: &str| ec2::DeleteSubnetRequest { subnet_id: id.into(), dry_run: None };
    bench.refused(ErrorCode::MissingParameter, delete("")).await;
    bench.refused(ErrorCode::InvalidSubnetIdMalformed, delete("subnet-zzz")).await;
    bench.refused(ErrorCode::InvalidSubnetIdNotFound, delete("subnet-0123456789abcdef0")).await;
    let is = |value| Some(ec2::AttributeBooleanValue { value: Some(value) });
    let modify =
        |id: &str| ec2::ModifySubnetAttributeRequest { subnet_id: id.into(), map_public_ip_on_launch: is(true), ..Default::default() };
    bench.refused(ErrorCode::MissingParameter, modify("")).await;
    bench.refused(ErrorCode::MissingParameter, ec2::ModifySubnetAttributeRequest { map_public_ip_on_launch: None, ..modify(&id) }).await;
    bench.refused(ErrorCode::InvalidSubnetIdMalformed, modify("subnet-zzz")).await;
    bench.refused(ErrorCode::InvalidSubnetIdNotFound, modify("subnet-0123456789abcdef0")).await;
    let two = ec2::ModifySubnetAttributeRequest { enable_resource_name_dns_a_record_on_launch: is(true), ..modify(&id) };
    bench.refused(ErrorCode::InvalidParameterCombination, two).await;
    let odd = ec2::ModifySubnetAttributeRequest {
        map_public_ip_on_launch: None,
        private_dns_hostname_type_on_launch: Some("surname".into()),
        ..modify(&id)
    };
    bench.refused(ErrorCode::InvalidParameterValue, odd).await;
}

async fn gateways(bench: &Bench) {
    let vpc = || async { new_vpc(bench, "10.40.0.0/16").await.vpc_id.expect("an id") };
    let (one, other) = (vpc().await, vpc().await);
    let create = ec2::CreateInternetGatewayRequest::default;
    let new = || async { bench.get(create()).await.internet_gateway.expect("a gateway").internet_gateway_id.expect("an id") };
    let (gateway, second) = (new().await, new().await);
    let of = |kind: &str| ec2::CreateInternetGatewayRequest { tag_specifications: too_many_tags(kind), ..create() };
    bench.refused(ErrorCode::TagLimitExceeded, of("internet-gateway")).await;
    bench.refused(ErrorCode::InvalidParameterValue, of("vpc")).await;
    let attach =
        |id: &str, vpc: &str| ec2::AttachInternetGatewayRequest { internet_gateway_id: id.into(), vpc_id: vpc.into(), dry_run: None };
    let detach =
        |id: &str, vpc: &str| ec2::DetachInternetGatewayRequest { internet_gateway_id: id.into(), vpc_id: vpc.into(), dry_run: None };
    macro_rules! named {
        ($request:ident) => {
            bench.refused(ErrorCode::MissingParameter, $request("", &one)).await;
            bench.refused(ErrorCode::MissingParameter, $request(&gateway, "")).await;
            bench.refused(ErrorCode::InvalidInternetGatewayIdMalformed, $request("igw-zzz", &one)).await;
            bench.refused(ErrorCode::InvalidInternetGatewayIdNotFound, $request("igw-0123456789abcdef0", &one)).await;
            bench.refused(ErrorCode::InvalidVpcIdMalformed, $request(&gateway, "vpc-zzz")).await;
            bench.refused(ErrorCode::InvalidVpcIdNotFound, $request(&gateway, "vpc-0123456789abcdef0")).await;
        };
    }
    named!(attach);
    named!(detach);
    bench.get(attach(&gateway, &one)).await;
    bench.refused(ErrorCode::ResourceAlreadyAssociated, attach(&gateway, &other)).await;
    bench.refused(ErrorCode::InvalidParameterValue, attach(&second, &one)).await;
    bench.refused(ErrorCode::GatewayNotAttached, detach(&gateway, &other)).await;
    let delete = |id: &str| ec2::DeleteInternetGatewayRequest { internet_gateway_id: id.into(), dry_run: None };
    bench.refused(ErrorCode::MissingParameter, delete("")).await;
    bench.refused(ErrorCode::InvalidInternetGatewayIdMalformed, delete("igw-zzz")).await;
    bench.refused(ErrorCode::InvalidInternetGatewayIdNotFound, delete("igw-0123456789abcdef0")).await;
    bench.refused(ErrorCode::DependencyViolation, delete(&gateway)).await;
    bench.get(detach(&gateway, &one)).await;
    bench.get(delete(&gateway)).await;
}

/// A subnet of its own in a VPC of its own, with the ids of both.
async fn place(bench: &Bench, block: &str) -> (String, String) {
    let vpc = new_vpc(bench, block).await.vpc_id.expect("an id");
    let subnet = bench.get(subnet_of(&vpc, block)).await.subnet.expect("a subnet").subnet_id.expect("an id");
    (vpc, subnet)
}

async fn interfaces(bench: &Bench) {
    let (_, subnet) = place(bench, "10.50.0.0/28").await;
    let create = |subnet: &str| ec2::CreateNetworkInterfaceRequest { subnet_id: subnet.into(), ..Default::default() };
    let new = || async { bench.get(create(&subnet)).await.network_interface.expect("an interface") };
    let first = new().await;
    let (id, taken) = (first.network_interface_id.expect("an id"), first.private_ip_address.expect("an address"));
    bench.refused(ErrorCode::MissingParameter, create("")).await;
    bench.refused(ErrorCode::InvalidSubnetIdMalformed, create("subnet-zzz")).await;
    bench.refused(ErrorCode::InvalidSubnetIdNotFound, create("subnet-0123456789abcdef0")).await;
    let with = |address: &str| ec2::CreateNetworkInterfaceRequest { private_ip_address: Some(address.into()), ..create(&subnet) };
    bench.refused(ErrorCode::InvalidParameterValue, with("10.51.0.5")).await;
    bench.refused(ErrorCode::InvalidIpAddressInUse, with(&taken)).await;
    let described = ec2::CreateNetworkInterfaceRequest { description: Some("x".repeat(256)), ..create(&subnet) };
    bench.refused(ErrorCode::InvalidParameterValue, described).await;
    let given =
        |address: &str, primary| ec2::PrivateIpAddressSpecification { private_ip_address: Some(address.into()), primary: Some(primary) };
    let several = |given: Vec<ec2::PrivateIpAddressSpecification>, count| ec2::CreateNetworkInterfaceRequest {
        private_ip_addresses: given,
        secondary_private_ip_address_count: count,
        ..create(&subnet)
    };
    let two_primary = several(vec![given("10.50.0.8", true), given("10.50.0.9", true)], None);
    bench.refused(ErrorCode::InvalidParameterCombination, two_primary).await;
    bench.refused(ErrorCode::InvalidParameterCombination, several(vec![given("10.50.0.8", false)], Some(1))).await;
    bench.refused(ErrorCode::InvalidParameterValue, several(vec![], Some(-1))).await;
    bench.refused(ErrorCode::PrivateIpAddressLimitExceeded, several(vec![], Some(100))).await;
    bench.refused(ErrorCode::InsufficientFreeAddressesInSubnet, several(vec![], Some(20))).await;
    let in_groups = |ids: &[&str]| ec2::CreateNetworkInterfaceRequest { groups: strings(ids), ..create(&subnet) };
    let elsewhere = default_group(bench).await.group_id.expect("an id");
    bench.refused(ErrorCode::InvalidGroupIdMalformed, in_groups(&["sg-zzz"])).await;
    bench.refused(ErrorCode::InvalidGroupNotFound, in_groups(&["sg-0123456789abcdef0"])).await;
    bench.refused(ErrorCode::InvalidParameter, in_groups(&[&elsewhere])).await;
    let tags = ec2::CreateNetworkInterfaceRequest { tag_specifications: too_many_tags("network-interface"), ..create(&subnet) };
    bench.refused(ErrorCode::TagLimitExceeded, tags).await;
    named_interfaces(bench, &id, (&taken, &elsewhere)).await;
    too_many(bench, &id, &subnet).await;
}

/// What is asked of an interface that is there, by its id.
async fn named_interfaces(bench: &Bench, id: &str, (taken, elsewhere): (&str, &str)) {
    let delete = |id: &str| ec2::DeleteNetworkInterfaceRequest { network_interface_id: id.into(), dry_run: None };
    let show = |id: &str, attribute: &str| ec2::DescribeNetworkInterfaceAttributeRequest {
        network_interface_id: id.into(),
        attribute: Some(attribute.into()),
        dry_run: None,
    };
    let reset = |id: &str| ec2::ResetNetworkInterfaceAttributeRequest {
        network_interface_id: id.into(),
        source_dest_check: Some("true".into()),
        dry_run: None,
    };
    let modify = |id: &str| ec2::ModifyNetworkInterfaceAttributeRequest {
        network_interface_id: id.into(),
        source_dest_check: Some(ec2::AttributeBooleanValue { value: Some(false) }),
        ..Default::default()
    };
    let assign = |id: &str, addresses: &[&str], count| ec2::AssignPrivateIpAddressesRequest {
        network_interface_id: id.into(),
        private_ip_addresses: strings(addresses),
        secondary_private_ip_address_count: count,
        ..Default::default()
    };
    let unassign = |id: &str, addresses: &[&str]| ec2::UnassignPrivateIpAddressesRequest {
        network_interface_id: id.into(),
        private_ip_addresses: strings(addresses),
        ..Default::default()
    };
    macro_rules! named {
        ($request:expr) => {
            bench.refused(ErrorCode::MissingParameter, $request("")).await;
            bench.refused(ErrorCode::InvalidNetworkInterfaceIdMalformed, $request("eni-zzz")).await;
            bench.refused(ErrorCode::InvalidNetworkInterfaceIdNotFound, $request("eni-0123456789abcdef0")).await;
            assert_eq!(bench.ask(TWO, $request(id)).await.expect_err("foreign").code, ErrorCode::InvalidNetworkInterfaceIdNotFound);
        };
    }
    named!(delete);
    named!(|id: &str| show(id, "description"));
    named!(reset);
    named!(modify);
    named!(|id: &str| assign(id, &[], Some(1)));
    named!(|id: &str| unassign(id, &["10.50.0.8"]));
    bench.refused(ErrorCode::InvalidParameterValue, show(id, "colour")).await;
    bench.refused(ErrorCode::MissingParameter, show(id, "")).await;
    bench.refused(ErrorCode::MissingParameter, ec2::ResetNetworkInterfaceAttributeRequest { source_dest_check: None, ..reset(id) }).await;
    let nothing = || ec2::ModifyNetworkInterfaceAttributeRequest { source_dest_check: None, ..modify(id) };
    bench.refused(ErrorCode::MissingParameter, nothing()).await;
    let text = |text: &str| Some(ec2::AttributeValue { value: Some(text.into()) });
    bench
        .refused(
            ErrorCode::InvalidParameterCombination,
            ec2::ModifyNetworkInterfaceAttributeRequest { description: text("a"), ..modify(id) },
        )
        .await;
    let long = ec2::ModifyNetworkInterfaceAttributeRequest { description: text(&"x".repeat(256)), ..nothing() };
    bench.refused(ErrorCode::InvalidParameterValue, long).await;
    let groups = |ids: &[&str]| ec2::ModifyNetworkInterfaceAttributeRequest { groups: strings(ids), ..nothing() };
    bench.refused(ErrorCode::InvalidGroupIdMalformed, groups(&["sg-zzz"])).await;
    bench.refused(ErrorCode::InvalidGroupNotFound, groups(&["sg-0123456789abcdef0"])).await;
    bench.refused(ErrorCode::InvalidParameter, groups(&[elsewhere])).await;
    let attached = |attachment_id: &str| ec2::ModifyNetworkInterfaceAttributeRequest {
        attachment: Some(ec2::NetworkInterfaceAttachmentChanges {
            attachment_id: Some(attachment_id.into()),
            delete_on_termination: Some(false),
            ..Default::default()
        }),
        ..nothing()
    };
    bench.refused(ErrorCode::InvalidAttachmentIdMalformed, attached("eni-attach-zzz")).await;
    bench.refused(ErrorCode::InvalidAttachmentIdNotFound, attached("eni-attach-0123456789abcdef0")).await;
    bench.refused(ErrorCode::MissingParameter, assign(id, &[], None)).await;
    bench.refused(ErrorCode::InvalidParameterCombination, assign(id, &["10.50.0.8"], Some(1))).await;
    bench.refused(ErrorCode::InvalidParameterValue, assign(id, &["10.51.0.8"], None)).await;
    bench.refused(ErrorCode::InvalidParameterValue, assign(id, &[], Some(0))).await;
    bench.refused(ErrorCode::InvalidIpAddressInUse, assign(id, &[taken], None)).await;
    bench.refused(ErrorCode::PrivateIpAddressLimitExceeded, assign(id, &[], Some(100))).await;
    bench.refused(ErrorCode::InsufficientFreeAddressesInSubnet, assign(id, &[], Some(20))).await;
    bench.refused(ErrorCode::MissingParameter, unassign(id, &[])).await;
    bench.refused(ErrorCode::InvalidParameterValue, unassign(id, &["10.50.0.8"])).await;
    bench.refused(ErrorCode::InvalidParameterValue, unassign(id, &[taken])).await;
}

/// Groups of an interface, and interfaces of an account: as rows, since no action makes so many soon.
async fn too_many(bench: &Bench, id: &str, subnet: &str) {
    let tx = bench.scheduler.store().begin(ONE).await.expect("a transaction");
    let one = network_interface::Entity::find_by_id(id).one(tx.db()).await.expect("a read").expect("an interface");
    let groups: Vec<_> = (0..6_u32)
        .map(|number| security_group::Model {
            group_id: format!("sg-{number:017x}"),
            account_id: ONE.into(),
            vpc_id: one.vpc_id.clone(),
            group_name: format!("group {number}"),
            description: String::new(),
            generation: 1,
            created: 0,
        })
        .collect();
    let ids: Vec<String> = groups.iter().map(|group| group.group_id.clone()).collect();
    let groups = security_group::Entity::insert_many(groups.into_iter().map(IntoActiveModel::into_active_model));
    groups.exec_without_returning(tx.db()).await.expect("rows");
    tx.commit().await.expect("committed");
    let create = || ec2::CreateNetworkInterfaceRequest { subnet_id: subnet.into(), ..Default::default() };
    let in_all = ec2::CreateNetworkInterfaceRequest { groups: ids.clone(), ..create() };
    bench.refused(ErrorCode::SecurityGroupsPerInterfaceLimitExceeded, in_all).await;
    let change = ec2::ModifyNetworkInterfaceAttributeRequest { network_interface_id: id.into(), groups: ids, ..Default::default() };
    bench.refused(ErrorCode::SecurityGroupsPerInterfaceLimitExceeded, change).await;
    let tx = bench.scheduler.store().begin(ONE).await.expect("a transaction");
    for part in 0..5_u32 {
        let many = (part * 1000..(part + 1) * 1000).map(|number| network_interface::Model {
            network_interface_id: format!("eni-{number:017x}"),
            mac_address: format!("0a:{number}"),
            ..one.clone()
        });
        let many = network_interface::Entity::insert_many(many.map(IntoActiveModel::into_active_model));
        many.exec_without_returning(tx.db()).await.expect("rows");
    }
    tx.commit().await.expect("committed");
    bench.refused(ErrorCode::NetworkInterfaceLimitExceeded, create()).await;
}

async fn default_ones(bench: &Bench) {
    bench.refused(ErrorCode::DefaultVpcAlreadyExists, ec2::CreateDefaultVpcRequest::default()).await;
    let zone = |name: Option<&str>, id: Option<&str>| ec2::CreateDefaultSubnetRequest {
        availability_zone: name.map(Into::into),
        availability_zone_id: id.map(Into::into),
        ..Default::default()
    };
    bench.refused(ErrorCode::MissingParameter, zone(None, None)).await;
    bench.refused(ErrorCode::InvalidParameterValue, zone(Some("us-east-1z"), None)).await;
    bench.refused(ErrorCode::InvalidParameterCombination, zone(Some("us-east-1a"), Some("use1-az1"))).await;
    bench.refused(ErrorCode::DefaultSubnetAlreadyExistsInAvailabilityZone, zone(Some("us-east-1a"), None)).await;
    let of_default = || ec2::DescribeSubnetsRequest { filters: vec![filter("default-for-az", &["true"])], ..Default::default() };
    let subnets = bench.get(of_default()).await.subnets;
    let first = subnets.iter().find(|subnet| subnet.availability_zone.as_deref() == Some("us-east-1a")).expect("a subnet");
    let vpc = first.vpc_id.clone().expect("an id");
    // Where the default subnets' place is taken there is none for another: all sixteen /20, or, first, the VPC's most subnets.
    bench.get(ec2::DeleteSubnetRequest { subnet_id: first.subnet_id.clone().expect("an id"), dry_run: None }).await;
    let mut added = Vec::new();
    for number in 0..198 {
        let block = format!("172.31.{}.{}/28", 48 + number / 16, number % 16 * 16);
        added.push(bench.get(subnet_of(&vpc, &block)).await.subnet.expect("a subnet").subnet_id.expect("an id"));
    }
    bench.refused(ErrorCode::SubnetLimitExceeded, zone(Some("us-east-1a"), None)).await;
    bench.refused(ErrorCode::SubnetLimitExceeded, subnet_of(&vpc, "172.31.0.0/28")).await;
    for id in added {
        bench.get(ec2::DeleteSubnetRequest { subnet_id: id, dry_run: None }).await;
    }
    for number in (0..16).filter(|number| ![1, 2].contains(number)) {
        let block = format!("172.31.{}.0/28", number * 16);
        added_or_there(bench, &vpc, &block).await;
    }
    bench.refused(ErrorCode::InsufficientCidrBlocks, zone(Some("us-east-1a"), None)).await;
    for subnet in bench.get(ec2::DescribeSubnetsRequest { filters: vec![filter("vpc-id", &[&vpc])], ..Default::default() }).await.subnets {
        bench.get(ec2::DeleteSubnetRequest { subnet_id: subnet.subnet_id.expect("an id"), dry_run: None }).await;
    }
    let gateway =
        bench.get(ec2::DescribeInternetGatewaysRequest { filters: vec![filter("attachment.vpc-id", &[&vpc])], ..Default::default() });
    let id = gateway.await.internet_gateways.remove(0).internet_gateway_id.expect("an id");
    bench.get(ec2::DetachInternetGatewayRequest { internet_gateway_id: id.clone(), vpc_id: vpc.clone(), dry_run: None }).await;
    bench.get(ec2::DeleteVpcRequest { vpc_id: vpc, dry_run: None }).await;
    bench.refused(ErrorCode::DefaultVpcDoesNotExist, zone(Some("us-east-1a"), None)).await;
    bench.refused(ErrorCode::VpcIdNotSpecified, super::security_groups::group_request("", "web")).await;
    let again = bench.get(ec2::CreateDefaultVpcRequest::default()).await.vpc.expect("a VPC");
    assert_eq!(again.cidr_block.as_deref(), Some("172.31.0.0/16"));
    let subnets = bench.get(of_default()).await.subnets;
    assert_eq!((subnets.len(), subnets[0].vpc_id.clone()), (3, again.vpc_id));
}

async fn added_or_there(bench: &Bench, vpc: &str, block: &str) {
    let answer = bench.ask(ONE, subnet_of(vpc, block)).await;
    assert!(answer.as_ref().err().is_none_or(|fault| fault.code == ErrorCode::InvalidSubnetConflict), "{answer:?}");
}

async fn limits(bench: &Bench) {
    let store = bench.scheduler.store();
    let tx = store.begin(ONE).await.expect("a transaction");
    // Of a block by which no test looks for its VPC.
    let default = vpc::Entity::find().filter(vpc::Column::IsDefault.eq(true));
    let one = default.one(tx.db()).await.expect("a read").expect("a VPC");
    let copies = (0..1_000_u32).map(|number| vpc::Model {
        vpc_id: format!("vpc-{number:017x}"),
        is_default: false,
        vni: i64::from(number),
        account_id: ONE.into(),
        ..one.clone()
    });
    vpc::Entity::insert_many(copies.map(IntoActiveModel::into_active_model)).exec_without_returning(tx.db()).await.expect("rows");
    tx.commit().await.expect("committed");
    let tx = store.begin(ONE).await.expect("a transaction");
    let gateways = (0..1_000_u32).map(|number| internet_gateway::Model {
        internet_gateway_id: format!("igw-{number:017x}"),
        account_id: ONE.into(),
        vpc_id: None,
        created: 0,
    });
    let insert = internet_gateway::Entity::insert_many(gateways.map(IntoActiveModel::into_active_model));
    insert.exec_without_returning(tx.db()).await.expect("rows");
    tx.commit().await.expect("committed");
    bench.refused(ErrorCode::InternetGatewayLimitExceeded, ec2::CreateInternetGatewayRequest::default()).await;
    let more = ec2::CreateVpcRequest { cidr_block: Some("10.0.0.0/16".into()), ..Default::default() };
    bench.refused(ErrorCode::VpcLimitExceeded, more).await;
}
