//! Routes to prefix lists: as clients see them, and as hosts are told.

use freehold_proto::internal::host::{RouteDesired, VpcDesired, route_desired::Target};
use sea_orm::IntoActiveModel;

use super::prefix_lists::{ABSENT, associations_of, create, delete, made, modify, resize};
use super::route_refusals::{main_of, new_table};
use super::*;
use crate::hosts::desired;
use crate::store::route;

fn route_to(table: &str, list: &str, gateway: &str) -> ec2::CreateRouteRequest {
    ec2::CreateRouteRequest {
        route_table_id: table.into(),
        destination_prefix_list_id: Some(list.into()),
        gateway_id: Some(gateway.into()),
        ..Default::default()
    }
}

fn instead(table: &str, list: &str, gateway: &str) -> ec2::ReplaceRouteRequest {
    ec2::ReplaceRouteRequest {
        route_table_id: table.into(),
        destination_prefix_list_id: Some(list.into()),
        gateway_id: Some(gateway.into()),
        ..Default::default()
    }
}

fn no_route(table: &str, list: &str) -> ec2::DeleteRouteRequest {
    ec2::DeleteRouteRequest { route_table_id: table.into(), destination_prefix_list_id: Some(list.into()), ..Default::default() }
}

fn to_block(table: &str, block: &str, gateway: &str) -> ec2::CreateRouteRequest {
    let (route_table_id, destination_cidr_block) = (table.into(), Some(block.into()));
    ec2::CreateRouteRequest { route_table_id, destination_cidr_block, gateway_id: Some(gateway.into()), ..Default::default() }
}

/// The default VPC, its gateway, its main table.
pub async fn default_net(bench: &Bench) -> (String, String, String) {
    let default = ec2::DescribeVpcsRequest { filters: vec![filter("is-default", &["true"])], ..Default::default() };
    let vpc = bench.get(default).await.vpcs.remove(0).vpc_id.expect("an id");
    let attached = ec2::DescribeInternetGatewaysRequest { filters: vec![filter("attachment.vpc-id", &[&vpc])], ..Default::default() };
    let gateway = bench.get(attached).await.internet_gateways.remove(0).internet_gateway_id.expect("an id");
    let (_, main) = main_of(bench, &vpc).await;
    (vpc, gateway, main)
}

pub async fn refusals(bench: &Bench) {
    let (vpc, _, _) = default_net(bench).await;
    let table = new_table(bench, &vpc).await;
    let both = ec2::DeleteRouteRequest { destination_cidr_block: Some("10.9.0.0/16".into()), ..no_route(&table, ABSENT) };
    bench.refused(ErrorCode::InvalidParameterCombination, both).await;
    bench.refused(ErrorCode::InvalidPrefixListIdMalformed, no_route(&table, "pl-zzz")).await;
    bench.refused(ErrorCode::InvalidRouteNotFound, no_route(&table, ABSENT)).await;
    bench.get(ec2::DeleteRouteTableRequest { route_table_id: table, dry_run: None }).await;
}

pub async fn told(bench: &Bench, vpc: &str) -> VpcDesired {
    let store = bench.scheduler.store();
    desired::vpc(store.reader(), store.settings(), vpc).await.expect("a read").expect("a VPC")
}

/// Where a table's routes to other than everywhere lead.
pub async fn routes_told(bench: &Bench, vpc: &str, table: &str) -> Vec<(String, Option<Target>)> {
    let vpc = told(bench, vpc).await;
    let table = vpc.route_tables.into_iter().find(|one| one.route_table_id == table).expect("a table");
    let route = |route: RouteDesired| (route.cidr_block, route.target);
    table.routes.into_iter().map(route).filter(|(block, _)| block != "0.0.0.0/0").collect()
}

pub async fn shown(bench: &Bench, table: &str) -> Vec<ec2::Route> {
    let asked = ec2::DescribeRouteTablesRequest { route_table_ids: vec![table.into()], ..Default::default() };
    bench.get(asked).await.route_tables.remove(0).routes
}

#[tokio::test]
async fn a_route_to_a_list_is_one_to_each_block_that_nothing_else_leads_to() {
    let bench = Bench::new().await;
    let (vpc, gateway, main) = default_net(&bench).await;
    // The VPC's own block and what lies in it stay where they are, and a host's link, too.
    let list =
        made(&bench, 9, &["10.8.0.0/16", "192.0.2.0/24", "172.31.0.0/16", "172.31.5.0/24", "169.254.169.254/32", "172.16.0.0/12"]).await;
    let outside = Some(Target::InternetGatewayId(gateway.clone()));
    bench.get(route_to(&main, &list, &gateway)).await;
    let to = |blocks: &[&str]| blocks.iter().map(|block| ((*block).to_owned(), outside.clone())).collect::<Vec<_>>();
    assert_eq!(routes_told(&bench, &vpc, &main).await, to(&["10.8.0.0/16", "172.16.0.0/12", "192.0.2.0/24"]));
    let route = shown(&bench, &main).await.into_iter().find(|route| route.destination_prefix_list_id.is_some()).expect("a route");
    let expected = ec2::Route {
        destination_prefix_list_id: Some(list.clone()),
        gateway_id: Some(gateway.clone()),
        origin: Some("CreateRoute".into()),
        state: Some("active".into()),
        ..Default::default()
    };
    assert_eq!(route, expected);
    let named = vec![filter("route.destination-prefix-list-id", &[&list])];
    assert_eq!(bench.get(ec2::DescribeRouteTablesRequest { filters: named, ..Default::default() }).await.route_tables.len(), 1);
    assert_eq!(bench.get(associations_of(&list)).await.prefix_list_associations[0].resource_id.as_ref(), Some(&main));

    let before = told(&bench, &vpc).await.generation;
    bench.get(modify(&list, &["198.51.100.0/24"], &["10.8.0.0/16", "172.16.0.0/12"])).await;
    assert_eq!(told(&bench, &vpc).await.generation, before + 1);
    assert_eq!(routes_told(&bench, &vpc, &main).await, to(&["192.0.2.0/24", "198.51.100.0/24"]));

    // A route to the same block wins, and of two lists always the same.
    let interface = bench.get(ec2::CreateNetworkInterfaceRequest { subnet_id: subnet(&bench).await, ..Default::default() }).await;
    let interface = interface.network_interface.expect("an interface").network_interface_id;
    let there = ec2::CreateRouteRequest { gateway_id: None, network_interface_id: interface, ..to_block(&main, "192.0.2.0/24", "") };
    bench.get(there).await;
    let other = made(&bench, 2, &["198.51.100.0/24", "203.0.113.0/24"]).await;
    bench.get(route_to(&main, &other, &gateway)).await;
    let told_now = routes_told(&bench, &vpc, &main).await;
    let blocks: Vec<&str> = told_now.iter().map(|(block, _)| block.as_str()).collect();
    assert_eq!((blocks.len(), blocks[0], &told_now[0].1), (3, "192.0.2.0/24", &None));

    bench.get(no_route(&main, &other)).await;
    bench.get(no_route(&main, &list)).await;
    assert_eq!(routes_told(&bench, &vpc, &main).await, [("192.0.2.0/24".into(), None)]);
    bench.get(delete(&list)).await;
}

async fn subnet(bench: &Bench) -> String {
    bench.get(ec2::DescribeSubnetsRequest::default()).await.subnets.remove(0).subnet_id.expect("an id")
}

#[tokio::test]
async fn what_a_route_to_a_list_can_not_be_is_refused() {
    let bench = Bench::new().await;
    let (_, gateway, main) = default_net(&bench).await;
    let list = made(&bench, 1, &[]).await;
    let foreign = bench.ask(TWO, create(1, &[])).await.expect("a list").prefix_list.expect("a list").prefix_list_id.expect("an id");
    for (code, id) in [
        (ErrorCode::InvalidPrefixListIdMalformed, "pl-zzz"),
        (ErrorCode::InvalidPrefixListIdNotFound, ABSENT),
        (ErrorCode::InvalidPrefixListIdNotFound, &foreign),
        (ErrorCode::MissingParameter, ""),
    ] {
        bench.refused(code, route_to(&main, id, &gateway)).await;
        bench.refused(code, instead(&main, id, &gateway)).await;
    }
    let both = ec2::CreateRouteRequest { destination_cidr_block: Some("10.8.0.0/16".into()), ..route_to(&main, &list, &gateway) };
    bench.refused(ErrorCode::InvalidParameterCombination, both).await;
    bench.refused(ErrorCode::InvalidParameterValue, instead(&main, &list, &gateway)).await;
    bench.refused(ErrorCode::InvalidParameterValue, route_to(&main, &list, "local")).await;
    bench.get(route_to(&main, &list, &gateway)).await;
    bench.refused(ErrorCode::RouteAlreadyExists, route_to(&main, &list, &gateway)).await;
    bench.get(instead(&main, &list, &gateway)).await;
    let fault = bench.refused(ErrorCode::DependencyViolation, delete(&list)).await;
    assert!(fault.message.contains(&main), "{}", fault.message);

    // The list and the route out leave room for what a list has room for.
    let rows = (0..100_u32).map(|number| route::Model {
        route_table_id: main.clone(),
        destination: format!("11.0.{number}.0/24"),
        account_id: ONE.into(),
        target: gateway.clone(),
        created: 0,
    });
    bench.insert::<route::Entity>(rows.map(IntoActiveModel::into_active_model).collect()).await;
    let fault = bench.refused(ErrorCode::ResourceLimitExceeded, resize(&list, 900)).await;
    assert!(fault.message.contains(&main), "{}", fault.message);
    let (large, fits) = (made(&bench, 899, &[]).await, made(&bench, 898, &[]).await);
    bench.refused(ErrorCode::RouteLimitExceeded, route_to(&main, &large, &gateway)).await;
    bench.get(route_to(&main, &fits, &gateway)).await;
    bench.refused(ErrorCode::RouteLimitExceeded, to_block(&main, "10.9.0.0/16", &gateway)).await;
}
