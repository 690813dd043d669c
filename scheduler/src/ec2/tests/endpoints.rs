//! Gateway endpoints: every code that their actions declare, the routes that they make, and the cloud's own prefix lists.

use sea_orm::{EntityTrait, IntoActiveModel};

use super::list_routes::{default_net, routes_told, shown, told};
use super::network_refusals::{new_vpc, too_many_tags};
use super::prefix_lists::made;
use super::refusals::{refuse_filters, refuse_ids, refuse_pages, strings};
use super::route_refusals::{main_of, new_table};
use super::*;
use crate::Config;
use crate::lab::{ALICE, Lab};
use crate::network::endpoint::{ALL_MAY, MOST};
use crate::network::prefix_list::cloud::list_id;
use crate::store::{route, vpc_endpoint};

const S3: &str = "com.amazonaws.us-east-1.s3";
const ABSENT: &str = "vpce-0123456789abcdef0";
const NO_TABLE: &str = "rtb-0123456789abcdef0";

fn create(vpc: &str, service: &str, tables: &[&str]) -> ec2::CreateVpcEndpointRequest {
    ec2::CreateVpcEndpointRequest {
        vpc_id: vpc.into(),
        service_name: Some(service.into()),
        route_table_ids: strings(tables),
        ..Default::default()
    }
}

fn modify(id: &str, add: &[&str], remove: &[&str]) -> ec2::ModifyVpcEndpointRequest {
    ec2::ModifyVpcEndpointRequest {
        vpc_endpoint_id: id.into(),
        add_route_table_ids: strings(add),
        remove_route_table_ids: strings(remove),
        ..Default::default()
    }
}

fn delete(ids: &[&str]) -> ec2::DeleteVpcEndpointsRequest {
    ec2::DeleteVpcEndpointsRequest { vpc_endpoint_ids: strings(ids), dry_run: None }
}

fn named(ids: &[&str]) -> ec2::DescribeVpcEndpointsRequest {
    ec2::DescribeVpcEndpointsRequest { vpc_endpoint_ids: strings(ids), ..Default::default() }
}

async fn id_of(bench: &Bench, request: ec2::CreateVpcEndpointRequest) -> String {
    bench.get(request).await.vpc_endpoint.expect("an endpoint").vpc_endpoint_id.expect("an id")
}

pub async fn refusals(bench: &Bench) {
    describes(bench).await;
    let vpc = new_vpc(bench, "10.91.0.0/16").await.vpc_id.expect("an id");
    let other = new_vpc(bench, "10.92.0.0/16").await.vpc_id.expect("an id");
    let (_, main) = main_of(bench, &vpc).await;
    let (_, far) = main_of(bench, &other).await;
    bench.refused(ErrorCode::MissingParameter, create("", S3, &[])).await;
    bench.refused(ErrorCode::MissingParameter, create(&vpc, "", &[])).await;
    bench.refused(ErrorCode::InvalidVpcIdMalformed, create("vpc-zzz", S3, &[])).await;
    bench.refused(ErrorCode::InvalidVpcIdNotFound, create("vpc-0123456789abcdef0", S3, &[])).await;
    assert_eq!(bench.ask(TWO, create(&vpc, S3, &[])).await.expect_err("foreign").code, ErrorCode::InvalidVpcIdNotFound);
    for service in ["s3", "com.amazonaws.us-east-1.ec2", "com.amazonaws.eu-west-1.s3"] {
        bench.refused(ErrorCode::InvalidServiceName, create(&vpc, service, &[])).await;
    }
    let policy = |text: &str| ec2::CreateVpcEndpointRequest { policy_document: Some(text.into()), ..create(&vpc, S3, &[]) };
    bench.refused(ErrorCode::InvalidPolicyDocument, policy("allow")).await;
    bench.refused(ErrorCode::InvalidRouteTableIdMalformed, create(&vpc, S3, &["rtb-zzz"])).await;
    bench.refused(ErrorCode::InvalidRouteTableIdNotFound, create(&vpc, S3, &[NO_TABLE])).await;
    bench.refused(ErrorCode::InvalidParameterValue, create(&vpc, S3, &[&far])).await;
    let tags = too_many_tags("vpc-endpoint");
    bench.refused(ErrorCode::TagLimitExceeded, ec2::CreateVpcEndpointRequest { tag_specifications: tags, ..create(&vpc, S3, &[]) }).await;

    let first = id_of(bench, create(&vpc, S3, &[&main])).await;
    let second = id_of(bench, create(&vpc, S3, &[])).await;
    let fault = bench.refused(ErrorCode::RouteAlreadyExists, create(&vpc, S3, &[&main])).await;
    assert!(fault.message.contains(&list_id("s3")), "{}", fault.message);
    changes(bench, (&first, &second), (&main, &far)).await;
    full(bench, &vpc, &second).await;

    let remove = ec2::DeleteVpcRequest { vpc_id: other.clone(), dry_run: None };
    let there = id_of(bench, create(&other, S3, &[])).await;
    let fault = bench.refused(ErrorCode::DependencyViolation, remove.clone()).await;
    assert!(fault.message.contains(&there), "{}", fault.message);
    bench.refused(ErrorCode::MissingParameter, delete(&[])).await;
    bench.refused(ErrorCode::InvalidVpcEndpointIdMalformed, delete(&["vpce-zzz"])).await;
    bench.get(delete(&[&there])).await;
    bench.get(remove).await;
}

async fn describes(bench: &Bench) {
    refuse_filters!(bench, DescribeVpcEndpointsRequest, "vpc-id");
    refuse_pages!(bench, DescribeVpcEndpointsRequest);
    refuse_ids!(bench, DescribeVpcEndpointsRequest, vpc_endpoint_ids, "vpce", InvalidVpcEndpointIdMalformed, InvalidVpcEndpointIdNotFound);
    refuse_filters!(bench, DescribeVpcEndpointServicesRequest, "service-name");
    refuse_pages!(bench, DescribeVpcEndpointServicesRequest);
    let absent = ec2::DescribeVpcEndpointServicesRequest { service_names: strings(&["s3"]), ..Default::default() };
    bench.refused(ErrorCode::InvalidServiceName, absent).await;
}

async fn changes(bench: &Bench, (first, second): (&str, &str), (main, far): (&str, &str)) {
    bench.refused(ErrorCode::MissingParameter, modify("", &[], &[])).await;
    bench.refused(ErrorCode::InvalidVpcEndpointIdMalformed, modify("vpce-zzz", &[], &[])).await;
    bench.refused(ErrorCode::InvalidVpcEndpointIdNotFound, modify(ABSENT, &[], &[])).await;
    assert_eq!(bench.ask(TWO, modify(first, &[], &[])).await.expect_err("foreign").code, ErrorCode::InvalidVpcEndpointIdNotFound);
    bench.refused(ErrorCode::InvalidRouteTableIdMalformed, modify(second, &["rtb-zzz"], &[])).await;
    bench.refused(ErrorCode::InvalidRouteTableIdNotFound, modify(second, &[], &[NO_TABLE])).await;
    bench.refused(ErrorCode::InvalidParameterValue, modify(second, &[far], &[])).await;
    bench.refused(ErrorCode::RouteAlreadyExists, modify(second, &[main], &[])).await;
    bench.refused(ErrorCode::InvalidParameter, modify(second, &[], &[main])).await;
    let policy = |text: &str| ec2::ModifyVpcEndpointRequest { policy_document: Some(text.into()), ..modify(first, &[], &[]) };
    bench.refused(ErrorCode::InvalidPolicyDocument, policy("{}")).await;
    let both = ec2::ModifyVpcEndpointRequest { reset_policy: Some(true), ..policy(ALL_MAY) };
    bench.refused(ErrorCode::InvalidParameterCombination, both).await;
}

/// Neither a table nor a VPC has room for more.
async fn full(bench: &Bench, vpc: &str, endpoint: &str) {
    let table = new_table(bench, vpc).await;
    let rows = (0..1_000_u32).map(|number| route::Model {
        route_table_id: table.clone(),
        destination: format!("11.{}.{}.0/24", number / 256, number % 256),
        account_id: ONE.into(),
        target: "igw-0123456789abcdef0".into(),
        created: 0,
    });
    bench.insert::<route::Entity>(rows.map(IntoActiveModel::into_active_model).collect()).await;
    bench.refused(ErrorCode::RouteLimitExceeded, create(vpc, S3, &[&table])).await;
    bench.refused(ErrorCode::RouteLimitExceeded, modify(endpoint, &[&table], &[])).await;
    let row = vpc_endpoint::Entity::find_by_id(endpoint).one(bench.scheduler.store().reader()).await.expect("a read").expect("a row");
    let like = |n: u64| vpc_endpoint::Model { vpc_endpoint_id: format!("vpce-{n:017x}"), ..row.clone() }.into_active_model();
    bench.insert::<vpc_endpoint::Entity>((0..MOST).map(like).collect()).await;
    bench.refused(ErrorCode::VpcEndpointLimitExceeded, create(vpc, S3, &[])).await;
}

fn to_list(routes: &[ec2::Route]) -> Vec<&ec2::Route> {
    routes.iter().filter(|route| route.destination_prefix_list_id.is_some()).collect()
}

#[tokio::test]
async fn an_endpoint_makes_its_routes_and_takes_them_away() {
    let bench = Bench::new().await;
    let (vpc, gateway, main) = default_net(&bench).await;
    let table = new_table(&bench, &vpc).await;
    let request = ec2::CreateVpcEndpointRequest {
        tag_specifications: tagged("vpc-endpoint", &[("a", "b")]),
        client_token: Some("once".into()),
        ..create(&vpc, S3, &[&main])
    };
    let answer = bench.get(request.clone()).await;
    let endpoint = answer.vpc_endpoint.expect("an endpoint");
    let id = endpoint.vpc_endpoint_id.clone().expect("an id");
    assert_eq!(bench.get(request).await.vpc_endpoint.and_then(|one| one.vpc_endpoint_id).as_ref(), Some(&id), "by its token");
    let expected = ec2::VpcEndpoint {
        vpc_endpoint_id: Some(id.clone()),
        vpc_endpoint_type: Some("Gateway".into()),
        vpc_id: Some(vpc.clone()),
        service_name: Some(S3.into()),
        service_region: Some("us-east-1".into()),
        state: Some("available".into()),
        policy_document: Some(ALL_MAY.into()),
        route_table_ids: vec![main.clone()],
        ip_address_type: Some("ipv4".into()),
        private_dns_enabled: Some(false),
        requester_managed: Some(false),
        creation_timestamp: endpoint.creation_timestamp,
        owner_id: Some(ONE.into()),
        tags: vec![tag("a", "b")],
        ..Default::default()
    };
    assert_eq!(endpoint, expected);
    assert_eq!(bench.get(named(&[&id])).await.vpc_endpoints, [expected]);
    let list = list_id("s3");
    let routes = shown(&bench, &main).await;
    let [route] = to_list(&routes)[..] else { panic!("{routes:?}") };
    assert_eq!(
        (route.gateway_id.as_ref(), route.destination_prefix_list_id.as_ref(), route.state.as_deref()),
        (Some(&id), Some(&list), Some("active"))
    );
    assert_eq!(routes_told(&bench, &vpc, &main).await, [], "the service has no addresses");
    by_hand(&bench, &main, &list, &gateway).await;

    let before = told(&bench, &vpc).await.generation;
    let policy = r#"{"Statement":[]}"#;
    let change = ec2::ModifyVpcEndpointRequest { policy_document: Some(policy.into()), ..modify(&id, &[&table], &[&main]) };
    bench.get(change).await;
    let now = bench.get(named(&[&id])).await.vpc_endpoints.remove(0);
    assert_eq!((now.route_table_ids, now.policy_document.as_deref()), (vec![table.clone()], Some(policy)));
    assert!(to_list(&shown(&bench, &main).await).is_empty() && told(&bench, &vpc).await.generation > before);
    bench.get(ec2::ModifyVpcEndpointRequest { reset_policy: Some(true), ..modify(&id, &[], &[]) }).await;
    assert_eq!(bench.get(named(&[&id])).await.vpc_endpoints[0].policy_document.as_deref(), Some(ALL_MAY));

    // A table goes with its route, and the endpoint stays.
    bench.get(ec2::DeleteRouteTableRequest { route_table_id: table, dry_run: None }).await;
    bench.get(modify(&id, &[&main], &[])).await;
    assert_eq!(bench.get(named(&[&id])).await.vpc_endpoints[0].route_table_ids, std::slice::from_ref(&main));
    assert_eq!(bench.ask(TWO, delete(&[&id])).await.expect("an answer").unsuccessful.len(), 1, "another account's");
    let left = bench.get(delete(&[&id, ABSENT])).await.unsuccessful;
    let error = left[0].error.as_ref().and_then(|error| error.code.as_deref());
    assert_eq!((left.len(), left[0].resource_id.as_deref(), error), (1, Some(ABSENT), Some("InvalidVpcEndpoint.NotFound")));
    assert!(to_list(&shown(&bench, &main).await).is_empty());
    bench.refused(ErrorCode::InvalidVpcEndpointIdNotFound, named(&[&id])).await;
}

/// Nobody but the endpoint changes its route.
async fn by_hand(bench: &Bench, table: &str, list: &str, gateway: &str) {
    let (route_table_id, destination_prefix_list_id) = (table.to_owned(), Some(list.to_owned()));
    let remove = ec2::DeleteRouteRequest {
        route_table_id: route_table_id.clone(),
        destination_prefix_list_id: destination_prefix_list_id.clone(),
        ..Default::default()
    };
    bench.refused(ErrorCode::InvalidParameterValue, remove).await;
    let replace = ec2::ReplaceRouteRequest {
        route_table_id: route_table_id.clone(),
        destination_prefix_list_id: destination_prefix_list_id.clone(),
        gateway_id: Some(gateway.into()),
        ..Default::default()
    };
    bench.refused(ErrorCode::InvalidParameterValue, replace).await;
    let again =
        ec2::CreateRouteRequest { route_table_id, destination_prefix_list_id, gateway_id: Some(gateway.into()), ..Default::default() };
    bench.refused(ErrorCode::RouteAlreadyExists, again).await;
}

#[tokio::test]
async fn the_cloud_s_own_lists_are_seen_by_all_and_are_what_the_operator_says() {
    let lab = Lab::new().await;
    let default = lab.ok(ec2::DescribeManagedPrefixListsRequest::default()).await.prefix_lists;
    let names: Vec<&str> = default.iter().filter_map(|list| list.prefix_list_name.as_deref()).collect();
    assert_eq!(names.len(), 2);
    let s3 = default.iter().find(|list| list.prefix_list_name.as_deref() == Some(S3)).expect("a list");
    let id = list_id("s3");
    let expected = ec2::ManagedPrefixList {
        prefix_list_id: Some(id.clone()),
        prefix_list_name: Some(S3.into()),
        prefix_list_arn: Some(format!("arn:aws:ec2:us-east-1:aws:prefix-list/{id}")),
        address_family: Some("IPv4".into()),
        state: Some("create-complete".into()),
        owner_id: Some("AWS".into()),
        ..Default::default()
    };
    assert_eq!(*s3, expected);
    let group = lab.call(ALICE, ec2::DescribeSecurityGroupsRequest::default()).await.expect("groups").security_groups.remove(0);
    let list = ec2::PrefixListId { prefix_list_id: Some(id.clone()), description: None };
    let rule = ec2::IpPermission { prefix_list_ids: vec![list], ..super::security_groups::permission("tcp", 443, &[]) };
    lab.ok(super::security_groups::authorize(&group, vec![rule])).await;
    let group = group.group_id.expect("an id");
    let store = lab.store();
    let rules = async |store: &crate::store::Store| {
        let group = crate::hosts::desired::security_group(store.reader(), &group).await.expect("a read").expect("a group");
        (group.generation, group.rules.iter().filter(|rule| rule.from_port == 443).count())
    };
    let (generation, none) = rules(store).await;
    assert_eq!(none, 0);

    // The operator says what addresses the service has, and starts it again; and then that it has none.
    for (blocks, count) in [(vec!["203.0.113.0/28", "198.51.100.0/28"], 2), (vec![], 0)] {
        let blocks = blocks.iter().map(|block| block.parse().expect("a block")).collect();
        let config = Config { endpoint_services: [("s3".into(), blocks)].into(), ..Config::default() };
        let settings = crate::Settings::try_from(&config).expect("valid");
        crate::network::prefix_list::cloud::bring(store, &settings).await.expect("in line");
        let (now, found) = rules(store).await;
        assert!(found == count && now > generation, "{now} {found}");
        let shown = ec2::DescribePrefixListsRequest { prefix_list_ids: strings(&[&id]), ..Default::default() };
        assert_eq!(lab.ok(shown).await.prefix_lists[0].cidrs.len(), count);
        let before = rules(store).await;
        crate::network::prefix_list::cloud::bring(store, &settings).await.expect("in line");
        assert_eq!(rules(store).await, before, "what is so already is not stated again");
    }
}

#[tokio::test]
async fn endpoints_and_services_are_found_by_what_they_show() {
    let bench = Bench::new().await;
    let (vpc, _, _) = default_net(&bench).await;
    let s3 = ec2::CreateVpcEndpointRequest { tag_specifications: tagged("vpc-endpoint", &[("a", "b")]), ..create(&vpc, S3, &[]) };
    let id = id_of(&bench, s3).await;
    id_of(&bench, create(&vpc, "com.amazonaws.us-east-1.dynamodb", &[])).await;
    for (name, value, count) in [
        ("ip-address-type", "ipv4", 2),
        ("service-name", S3, 1),
        ("service-region", "us-east-1", 2),
        ("vpc-endpoint-id", &id, 1),
        ("vpc-endpoint-state", "available", 2),
        ("vpc-endpoint-type", "Interface", 0),
        ("vpc-id", &vpc, 2),
        ("tag:a", "b", 1),
        ("tag-key", "a", 1),
    ] {
        let filters = vec![filter(name, &[value])];
        let found = bench.get(ec2::DescribeVpcEndpointsRequest { filters, ..Default::default() }).await.vpc_endpoints;
        assert_eq!(found.len(), count, "{name} {value}");
    }
    for (name, value, count) in [
        ("owner", "amazon", 2),
        ("service-name", "*.s3", 1),
        ("service-region", "eu-west-1", 0),
        ("service-type", "Gateway", 2),
        ("service-type", "Interface", 0),
        ("supported-ip-address-types", "ipv4", 2),
        ("tag-key", "a", 0),
    ] {
        let filters = vec![filter(name, &[value])];
        let found = bench.get(ec2::DescribeVpcEndpointServicesRequest { filters, ..Default::default() }).await;
        assert_eq!((found.service_details.len(), found.service_names.len()), (count, count), "{name} {value}");
    }
    let named = ec2::DescribeVpcEndpointServicesRequest { service_names: strings(&[S3]), ..Default::default() };
    let service = bench.get(named).await.service_details.remove(0);
    assert_eq!((service.base_endpoint_dns_names, service.acceptance_required), (strings(&["s3.us-east-1.amazonaws.com"]), Some(false)));
    let list = made(&bench, 1, &[]).await;
    let own = ec2::DescribePrefixListsRequest { prefix_list_ids: strings(&[&list]), ..Default::default() };
    bench.refused(ErrorCode::InvalidPrefixListIdOfServiceNotFound, own).await;
}
