//! Every error code that a handler declares is provoked here, and a declared code that nothing provokes fails the test.

use super::images::image;
use super::security_groups::{authorize, permission, revoke};
use super::*;
use crate::store::vpc;
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel, Set};

/// Their codes need instances and hosts, and are provoked where those are made.
const PROVOKED_ELSEWHERE: &[&str] = &[
    "AssociateAddress",
    "AttachNetworkInterface",
    "CreateRoute",
    "DeleteNetworkInterface",
    "AllocateAddress",
    "ReleaseAddress",
    "DeletePlacementGroup",
    "DeleteSubnet",
    "DetachInternetGateway",
    "DetachNetworkInterface",
    "DisassociateAddress",
    "DescribeInstanceCreditSpecifications",
    "DescribeInstanceStatus",
    "DescribeInstances",
    "GetConsoleOutput",
    "DescribeInstanceTopology",
    "GetConsoleScreenshot",
    "GetPasswordData",
    "ModifyInstanceAttribute",
    "ModifyInstanceCpuOptions",
    "ModifyInstanceCreditSpecification",
    "ModifyInstanceMaintenanceOptions",
    "ModifyInstanceMetadataOptions",
    "ModifyInstancePlacement",
    "ModifyPrivateDnsNameOptions",
    "RebootInstances",
    "ReplaceRoute",
    "ResetInstanceAttribute",
    "RunInstances",
    "StartInstances",
    "StopInstances",
    "TerminateInstances",
];

#[tokio::test]
async fn every_declared_code_is_provoked() {
    let bench = Bench::new().await;
    describes(&bench).await;
    key_pairs(&bench).await;
    placement_groups(&bench).await;
    images(&bench).await;
    super::acls::refusals(&bench).await;
    super::classic_link::refusals(&bench).await;
    super::dhcp::refusals(&bench).await;
    super::foreign_groups::refusals(&bench).await;
    super::subnet_cidr_reservations::refusals(&bench).await;
    super::group_refusals::refusals(&bench).await;
    super::nat_gateway_addresses::refusals(&bench).await;
    super::nat_gateways::refusals(&bench).await;
    super::endpoints::refusals(&bench).await;
    super::peering::refusals(&bench).await;
    super::network_refusals::refusals(&bench).await;
    super::list_routes::refusals(&bench).await;
    super::list_rules::refusals(&bench).await;
    super::prefix_lists::refusals(&bench).await;
    super::route_refusals::refusals(&bench).await;
    super::reverse_names::refusals(&bench).await;
    super::addresses::refusals(&bench).await;
    tags(&bench).await;
    authorize_rules(&bench).await;
    revoke_rules(&bench).await;
    attributes(&bench).await;
    super::launch_template_refusals::refusals(&bench).await;
    let provoked = bench.provoked.lock().expect("a lock").clone();
    for (action, codes) in table().errors().iter().filter(|(action, _)| !PROVOKED_ELSEWHERE.contains(action)) {
        for code in *codes {
            assert!(provoked.contains(&(*action, code.as_str())), "{action} declares {code}, which no request of this test provokes");
        }
    }
}

pub(super) fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Checks of filters, for an action with `filters`.
macro_rules! refuse_filters {
    ($bench:expr, $request:ident) => {
        refuse_filters!($bench, $request, "state");
    };
    ($bench:expr, $request:ident, $known:literal) => {
        let with = |filters| ec2::$request { filters, ..Default::default() };
        $bench.refused(ErrorCode::InvalidParameterValue, with(vec![filter("no-such-filter", &["x"])])).await;
        $bench.refused(ErrorCode::FilterLimitExceeded, with(vec![filter($known, &["x"; 201])])).await;
    };
}

/// Checks of pages, for an action with `max_results`.
macro_rules! refuse_pages {
    ($bench:expr, $request:ident) => {
        let paged = |max_results| ec2::$request { max_results: Some(max_results), ..Default::default() };
        $bench.refused(ErrorCode::InvalidParameterValue, paged(0)).await;
        $bench.refused(ErrorCode::InvalidParameterValue, paged(1001)).await;
        let forged = ec2::$request { next_token: Some("forged".into()), ..Default::default() };
        $bench.refused(ErrorCode::InvalidNextToken, forged).await;
    };
}

/// Checks of ids: malformed, absent, and together with a page's size.
macro_rules! refuse_ids {
    ($bench:expr, $request:ident, $ids:ident, $prefix:literal, $malformed:ident, $not_found:ident) => {
        let named = |id: &str| ec2::$request { $ids: strings(&[id]), ..Default::default() };
        $bench.refused(ErrorCode::$malformed, named(concat!($prefix, "-zzz"))).await;
        $bench.refused(ErrorCode::$not_found, named(concat!($prefix, "-0123456789abcdef0"))).await;
        let both = ec2::$request { max_results: Some(5), ..named(concat!($prefix, "-0123456789abcdef0")) };
        $bench.refused(ErrorCode::InvalidParameterCombination, both).await;
    };
}

pub(super) use {refuse_filters, refuse_ids, refuse_pages};

async fn describes(bench: &Bench) {
    named_describes(bench).await;
    refuse_pages!(bench, DescribeTagsRequest);
    let tags = ec2::DescribeTagsRequest { filters: vec![filter("colour", &["x"])], ..Default::default() };
    bench.refused(ErrorCode::InvalidParameterValue, tags).await;
    let tags = ec2::DescribeTagsRequest { filters: vec![filter("key", &["x"; 201])], ..Default::default() };
    bench.refused(ErrorCode::FilterLimitExceeded, tags).await;
    let types = |names: &[&str]| ec2::DescribeInstanceTypesRequest { instance_types: strings(names), ..Default::default() };
    bench.refused(ErrorCode::InvalidInstanceType, types(&["t3.micro", "t3.enormous"])).await;
    let both = ec2::DescribeInstanceTypesRequest { max_results: Some(5), ..types(&["t3.micro"]) };
    bench.refused(ErrorCode::InvalidParameterCombination, both).await;
    refuse_pages!(bench, DescribeInstanceTypesRequest);
    let types = ec2::DescribeInstanceTypesRequest { filters: vec![filter("hypervisor", &["x"; 201])], ..Default::default() };
    bench.refused(ErrorCode::FilterLimitExceeded, types).await;
    offers(bench).await;
    refuse_filters!(bench, DescribeAvailabilityZonesRequest);
    let zone = ec2::DescribeAvailabilityZonesRequest { zone_names: strings(&["us-east-1z"]), ..Default::default() };
    bench.refused(ErrorCode::InvalidParameterValue, zone).await;
    let region = ec2::DescribeRegionsRequest { region_names: strings(&["eu-west-1"]), ..Default::default() };
    bench.refused(ErrorCode::InvalidParameterValue, region).await;
    let region = ec2::DescribeRegionsRequest { filters: vec![filter("region-name", &["x"; 201])], ..Default::default() };
    bench.refused(ErrorCode::FilterLimitExceeded, region).await;
    let attribute = ec2::DescribeAccountAttributesRequest { attribute_names: strings(&["max-instances"]), ..Default::default() };
    bench.refused(ErrorCode::InvalidParameterValue, attribute).await;
}

async fn offers(bench: &Bench) {
    refuse_pages!(bench, DescribeInstanceTypeOfferingsRequest);
    let offerings = |location_type: &str, filters| ec2::DescribeInstanceTypeOfferingsRequest {
        location_type: Some(location_type.into()),
        filters,
        ..Default::default()
    };
    bench.refused(ErrorCode::InvalidParameterValue, offerings("planet", vec![])).await;
    bench.refused(ErrorCode::InvalidParameterValue, offerings("region", vec![filter("colour", &["x"])])).await;
    bench.refused(ErrorCode::FilterLimitExceeded, offerings("region", vec![filter("location", &["x"; 201])])).await;
    refuse_pages!(bench, GetInstanceTypesFromInstanceRequirementsRequest);
    let any = ec2::InstanceRequirementsRequest {
        v_cpu_count: Some(ec2::VCpuCountRangeRequest { min: 0, max: None }),
        memory_mi_b: Some(ec2::MemoryMiBRequest { min: 0, max: None }),
        ..Default::default()
    };
    let required = |requirements| ec2::GetInstanceTypesFromInstanceRequirementsRequest {
        architecture_types: strings(&["x86_64"]),
        virtualization_types: strings(&["hvm"]),
        instance_requirements: requirements,
        ..Default::default()
    };
    bench.get(required(Some(any.clone()))).await;
    bench.refused(ErrorCode::MissingParameter, required(None)).await;
    bench.refused(ErrorCode::MissingParameter, required(Some(ec2::InstanceRequirementsRequest::default()))).await;
    let unnamed = ec2::GetInstanceTypesFromInstanceRequirementsRequest { architecture_types: Vec::new(), ..required(Some(any.clone())) };
    bench.refused(ErrorCode::MissingParameter, unnamed).await;
    let wrong = [
        ec2::InstanceRequirementsRequest { v_cpu_count: Some(ec2::VCpuCountRangeRequest { min: 4, max: Some(2) }), ..any.clone() },
        ec2::InstanceRequirementsRequest { memory_mi_b: Some(ec2::MemoryMiBRequest { min: -1, max: None }), ..any.clone() },
        ec2::InstanceRequirementsRequest { bare_metal: Some("perhaps".into()), ..any.clone() },
        ec2::InstanceRequirementsRequest { allowed_instance_types: vec!["m5.*".into(); 401], ..any.clone() },
    ];
    for requirements in wrong {
        bench.refused(ErrorCode::InvalidParameterValue, required(Some(requirements))).await;
    }
    let (allowed_instance_types, excluded_instance_types) = (strings(&["m*"]), strings(&["c*"]));
    let both = ec2::InstanceRequirementsRequest { allowed_instance_types, excluded_instance_types, ..any };
    bench.refused(ErrorCode::InvalidParameterCombination, required(Some(both))).await;
}

async fn named_describes(bench: &Bench) {
    refuse_filters!(bench, DescribeVpcsRequest);
    refuse_pages!(bench, DescribeVpcsRequest);
    refuse_ids!(bench, DescribeVpcsRequest, vpc_ids, "vpc", InvalidVpcIdMalformed, InvalidVpcIdNotFound);
    refuse_filters!(bench, DescribeSubnetsRequest);
    refuse_pages!(bench, DescribeSubnetsRequest);
    refuse_ids!(bench, DescribeSubnetsRequest, subnet_ids, "subnet", InvalidSubnetIdMalformed, InvalidSubnetIdNotFound);
    refuse_pages!(bench, DescribeNetworkInterfacesRequest);
    let interfaces = ec2::DescribeNetworkInterfacesRequest { filters: vec![filter("status", &["x"; 201])], ..Default::default() };
    bench.refused(ErrorCode::FilterLimitExceeded, interfaces).await;
    refuse_ids!(
        bench,
        DescribeNetworkInterfacesRequest,
        network_interface_ids,
        "eni",
        InvalidNetworkInterfaceIdMalformed,
        InvalidNetworkInterfaceIdNotFound
    );
    refuse_pages!(bench, DescribeVolumesRequest);
    let volumes = ec2::DescribeVolumesRequest { filters: vec![filter("status", &["x"; 201])], ..Default::default() };
    bench.refused(ErrorCode::FilterLimitExceeded, volumes).await;
    refuse_ids!(bench, DescribeVolumesRequest, volume_ids, "vol", InvalidVolumeIdMalformed, InvalidVolumeNotFound);
    refuse_pages!(bench, DescribeSecurityGroupsRequest);
    let groups = ec2::DescribeSecurityGroupsRequest { filters: vec![filter("vpc-id", &["x"; 201])], ..Default::default() };
    bench.refused(ErrorCode::FilterLimitExceeded, groups).await;
    refuse_ids!(bench, DescribeSecurityGroupsRequest, group_ids, "sg", InvalidGroupIdMalformed, InvalidGroupNotFound);
    let named = ec2::DescribeSecurityGroupsRequest { group_names: strings(&["nobody"]), ..Default::default() };
    bench.refused(ErrorCode::InvalidGroupNotFound, named).await;
    refuse_filters!(bench, DescribeImagesRequest);
    refuse_pages!(bench, DescribeImagesRequest);
    refuse_ids!(bench, DescribeImagesRequest, image_ids, "ami", InvalidAmiIdMalformed, InvalidAmiIdNotFound);
    let owner = ec2::DescribeImagesRequest { owners: strings(&["me"]), ..Default::default() };
    bench.refused(ErrorCode::InvalidUserIdMalformed, owner).await;
}

async fn attributes(bench: &Bench) {
    macro_rules! refuse_instances {
        ($request:ident) => {
            let named = |ids: &[&str]| ec2::$request { instance_ids: strings(ids), ..Default::default() };
            bench.refused(ErrorCode::MissingParameter, named(&[])).await;
            bench.refused(ErrorCode::InvalidInstanceIdMalformed, named(&["i-zzz"])).await;
            bench.refused(ErrorCode::InvalidInstanceIdNotFound, named(&["i-0123456789abcdef0"])).await;
        };
    }
    refuse_instances!(MonitorInstancesRequest);
    refuse_instances!(UnmonitorInstancesRequest);
    let attribute = |id: &str| ec2::DescribeInstanceAttributeRequest { instance_id: id.into(), attribute: "kernel".into(), dry_run: None };
    bench.refused(ErrorCode::InvalidInstanceIdMalformed, attribute("i-zzz")).await;
    bench.refused(ErrorCode::InvalidInstanceIdNotFound, attribute("i-0123456789abcdef0")).await;
}

async fn key_pairs(bench: &Bench) {
    let create = |name: &str| ec2::CreateKeyPairRequest { key_name: name.into(), key_type: Some("ed25519".into()), ..Default::default() };
    let import = |name: &str, key: &[u8]| ec2::ImportKeyPairRequest {
        key_name: name.into(),
        public_key_material: key.to_vec(),
        ..Default::default()
    };
    key_pair(bench, "taken").await;
    bench.refused(ErrorCode::InvalidKeyPairDuplicate, create("taken")).await;
    bench.refused(ErrorCode::InvalidKeyPairDuplicate, import("taken", PUBLIC_KEY)).await;
    bench.refused(ErrorCode::InvalidParameterValue, create("")).await;
    bench.refused(ErrorCode::InvalidParameterValue, import(" ", PUBLIC_KEY)).await;
    bench.refused(ErrorCode::InvalidKeyFormat, import("new", b"ssh-dss AAAA")).await;
    let typeless = || vec![ec2::TagSpecification { resource_type: None, tags: vec![tag("a", "b")] }];
    bench.refused(ErrorCode::MissingParameter, ec2::CreateKeyPairRequest { tag_specifications: typeless(), ..create("new") }).await;
    let request = ec2::ImportKeyPairRequest { tag_specifications: typeless(), ..import("new", PUBLIC_KEY) };
    bench.refused(ErrorCode::MissingParameter, request).await;
    let keys = many_keys();
    let many = || tagged("key-pair", &keys.iter().map(|key| (key.as_str(), "v")).collect::<Vec<_>>());
    bench.refused(ErrorCode::TagLimitExceeded, ec2::CreateKeyPairRequest { tag_specifications: many(), ..create("new") }).await;
    let request = ec2::ImportKeyPairRequest { tag_specifications: many(), ..import("new", PUBLIC_KEY) };
    bench.refused(ErrorCode::TagLimitExceeded, request).await;
    let describe = |names: &[&str], filters| ec2::DescribeKeyPairsRequest { key_names: strings(names), filters, ..Default::default() };
    bench.refused(ErrorCode::InvalidKeyPairNotFound, describe(&["taken", "new"], vec![])).await;
    bench.refused(ErrorCode::InvalidParameterValue, describe(&[], vec![filter("key-type", &["rsa"])])).await;
    bench.refused(ErrorCode::FilterLimitExceeded, describe(&[], vec![filter("key-name", &["x"; 201])])).await;
    let delete = |name: Option<&str>, id: Option<&str>| ec2::DeleteKeyPairRequest {
        key_name: name.map(Into::into),
        key_pair_id: id.map(Into::into),
        ..Default::default()
    };
    bench.refused(ErrorCode::MissingParameter, delete(None, None)).await;
    bench.refused(ErrorCode::InvalidParameterCombination, delete(Some("taken"), Some("key-0123abcd"))).await;
    bench.refused(ErrorCode::InvalidKeyPairNotFound, delete(None, Some("key-0123abcd"))).await;
}

async fn placement_groups(bench: &Bench) {
    let create = |name: &str, strategy: &str| ec2::CreatePlacementGroupRequest {
        group_name: Some(name.into()),
        strategy: Some(strategy.into()),
        ..Default::default()
    };
    bench.get(create("taken", "spread")).await;
    bench.refused(ErrorCode::InvalidPlacementGroupDuplicate, create("taken", "cluster")).await;
    bench.refused(ErrorCode::MissingParameter, create("", "cluster")).await;
    bench.refused(ErrorCode::InvalidParameterValue, create(&"x".repeat(256), "cluster")).await;
    bench.refused(ErrorCode::InvalidParameterValue, create("été", "cluster")).await;
    let parts = |strategy: &str, count| ec2::CreatePlacementGroupRequest { partition_count: Some(count), ..create("new", strategy) };
    bench.refused(ErrorCode::InvalidParameterValue, parts("partition", 8)).await;
    bench.refused(ErrorCode::InvalidParameterCombination, parts("spread", 2)).await;
    let level = ec2::CreatePlacementGroupRequest { spread_level: Some("rack".into()), ..create("new", "cluster") };
    bench.refused(ErrorCode::InvalidParameterCombination, level).await;
    let keys = many_keys();
    let many = tagged("placement-group", &keys.iter().map(|key| (key.as_str(), "v")).collect::<Vec<_>>());
    bench
        .refused(ErrorCode::TagLimitExceeded, ec2::CreatePlacementGroupRequest { tag_specifications: many, ..create("new", "spread") })
        .await;
    for number in 1..500 {
        bench.get(create(&number.to_string(), "spread")).await;
    }
    bench.refused(ErrorCode::PlacementGroupLimitExceeded, create("500", "spread")).await;
    refuse_filters!(bench, DescribePlacementGroupsRequest);
    let named = |id: &str| ec2::DescribePlacementGroupsRequest { group_ids: strings(&[id]), ..Default::default() };
    bench.refused(ErrorCode::InvalidPlacementGroupIdMalformed, named("pg-zzz")).await;
    bench.refused(ErrorCode::InvalidPlacementGroupUnknown, named("pg-0123456789abcdef0")).await;
    let delete = |name: &str| ec2::DeletePlacementGroupRequest { group_name: name.into(), dry_run: None };
    bench.refused(ErrorCode::MissingParameter, delete("")).await;
    bench.refused(ErrorCode::InvalidPlacementGroupUnknown, delete("nobody's")).await;
}

pub(super) fn many_keys() -> Vec<String> {
    (0..51).map(|n| format!("k{n}")).collect()
}

async fn images(bench: &Bench) {
    let public = image(bench, TWO, "somebody else's", true).await;
    for (id, code) in [
        ("ami-x", ErrorCode::InvalidAmiIdMalformed),
        ("ami-0123456789abcdef0", ErrorCode::InvalidAmiIdNotFound),
        (public.as_str(), ErrorCode::AuthFailure),
    ] {
        bench.refused(code, ec2::DeregisterImageRequest { image_id: id.into(), ..Default::default() }).await;
    }
}

async fn tags(bench: &Bench) {
    let create = |id: &str| ec2::CreateTagsRequest { resources: strings(&[id]), tags: vec![tag("a", "b")], ..Default::default() };
    let delete = |id: &str| ec2::DeleteTagsRequest { resources: strings(&[id]), ..Default::default() };
    for kind in super::super::resolve::ALL {
        let malformed = format!("{}-zzz", kind.prefix);
        let absent = format!("{}-0123456789abcdef0", kind.prefix);
        let (malformed_code, absent_code) = (kind.check(&malformed).expect_err("malformed").code, kind.absent(&absent).code);
        bench.refused(malformed_code, create(&malformed)).await;
        bench.refused(absent_code, create(&absent)).await;
        bench.refused(malformed_code, delete(&malformed)).await;
        bench.refused(absent_code, delete(&absent)).await;
    }
    bench.refused(ErrorCode::InvalidId, create("thing-0123abcd")).await;
    bench.refused(ErrorCode::InvalidId, delete("thing-0123abcd")).await;
    bench.refused(ErrorCode::MissingParameter, ec2::CreateTagsRequest::default()).await;
    bench.refused(ErrorCode::MissingParameter, ec2::DeleteTagsRequest::default()).await;
    let id = key_pair(bench, "tagged").await;
    bench.refused(ErrorCode::InvalidParameterValue, ec2::CreateTagsRequest { tags: vec![tag("aws:a", "b")], ..create(&id) }).await;
    bench.refused(ErrorCode::InvalidParameterValue, ec2::DeleteTagsRequest { tags: vec![tag("aws:a", "b")], ..delete(&id) }).await;
    let keys = many_keys();
    for (some, code) in [(&keys[..50], None), (&keys[50..], Some(ErrorCode::TagLimitExceeded))] {
        let request = ec2::CreateTagsRequest { tags: some.iter().map(|key| tag(key, "v")).collect(), ..create(&id) };
        match code {
            None => bench.get(request).await,
            Some(code) => drop(bench.refused(code, request).await),
        }
    }
}

async fn authorize_rules(bench: &Bench) {
    let group = default_group(bench).await;
    let request = |ip_permissions| authorize(&group, ip_permissions);
    let one = || vec![permission("tcp", 1, &["10.0.0.0/8"])];
    let of = |id: &str| ec2::AuthorizeSecurityGroupIngressRequest { group_id: Some(id.into()), ..request(one()) };
    bench.refused(ErrorCode::InvalidGroupIdMalformed, of("sg-x")).await;
    bench.refused(ErrorCode::InvalidGroupNotFound, of("sg-0123abcd")).await;
    bench.refused(ErrorCode::MissingParameter, request(vec![])).await;
    let both = ec2::AuthorizeSecurityGroupIngressRequest { ip_protocol: Some("tcp".into()), ..request(one()) };
    bench.refused(ErrorCode::InvalidParameterCombination, both).await;
    bench.refused(ErrorCode::InvalidParameterValue, request(vec![permission("tcp", 1, &["10.0.0.0"])])).await;
    bench.refused(ErrorCode::InvalidPermissionMalformed, request(vec![permission("ip", 1, &["10.0.0.0/8"])])).await;
    bench.get(request(one())).await;
    bench.refused(ErrorCode::InvalidPermissionDuplicate, request(one())).await;
    let ranges: Vec<String> = (0..61).map(|n| format!("10.{n}.0.0/16")).collect();
    let many = permission("tcp", 2, &ranges.iter().map(String::as_str).collect::<Vec<_>>());
    bench.refused(ErrorCode::RulesPerSecurityGroupLimitExceeded, request(vec![many])).await;
    let keys = many_keys();
    let tags = tagged("security-group-rule", &keys.iter().map(|key| (key.as_str(), "v")).collect::<Vec<_>>());
    let request =
        ec2::AuthorizeSecurityGroupIngressRequest { tag_specifications: tags, ..request(vec![permission("tcp", 3, &["10.0.0.0/8"])]) };
    bench.refused(ErrorCode::TagLimitExceeded, request).await;
}

async fn revoke_rules(bench: &Bench) {
    let group = default_group(bench).await;
    let request = |ip_permissions| revoke(&group, ip_permissions);
    let one = || vec![permission("tcp", 9, &["10.0.0.0/8"])];
    let of = |id: &str| ec2::RevokeSecurityGroupIngressRequest { group_id: Some(id.into()), ..request(one()) };
    bench.refused(ErrorCode::InvalidGroupIdMalformed, of("sg-x")).await;
    bench.refused(ErrorCode::InvalidGroupNotFound, of("sg-0123abcd")).await;
    bench.refused(ErrorCode::MissingParameter, request(vec![])).await;
    bench.refused(ErrorCode::InvalidParameterValue, request(vec![permission("tcp", -2, &["10.0.0.0/8"])])).await;
    bench.refused(ErrorCode::InvalidPermissionMalformed, request(vec![permission("ip", 1, &["10.0.0.0/8"])])).await;
    let by_id = |id: &str| ec2::RevokeSecurityGroupIngressRequest { security_group_rule_ids: strings(&[id]), ..request(vec![]) };
    bench.refused(ErrorCode::InvalidSecurityGroupRuleIdMalformed, by_id("sgr-x")).await;
    bench.refused(ErrorCode::InvalidSecurityGroupRuleIdNotFound, by_id("sgr-0123abcd")).await;
    let both = ec2::RevokeSecurityGroupIngressRequest { ip_permissions: one(), ..by_id("sgr-0123abcd") };
    bench.refused(ErrorCode::InvalidParameterCombination, both).await;
    // Outside the default VPC an unknown permission is an error. There is no other VPC yet, so the default one is made ordinary.
    let store = &bench.scheduler.engine().store;
    let row = vpc::Entity::find_by_id(group.vpc_id.clone().expect("a VPC")).one(store.reader()).await.expect("a read").expect("a row");
    let tx = store.begin(ONE).await.expect("begin");
    let mut ordinary = row.into_active_model();
    ordinary.is_default = Set(false);
    ordinary.update(tx.db()).await.expect("an update");
    tx.commit().await.expect("commit");
    bench.refused(ErrorCode::InvalidPermissionNotFound, request(one())).await;
}
