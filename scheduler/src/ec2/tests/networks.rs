use super::network_refusals::{new_vpc, subnet_of};
use super::*;

#[tokio::test]
async fn an_account_begins_with_one_default_vpc_and_a_subnet_for_each_zone() {
    let bench = Bench::new().await;
    let vpcs = bench.get(ec2::DescribeVpcsRequest { filters: vec![filter("isDefault", &["true"])], ..Default::default() }).await.vpcs;
    let [vpc] = vpcs.as_slice() else { panic!("{vpcs:?}") };
    assert_eq!((vpc.cidr_block.as_deref(), vpc.state.as_deref()), (Some("172.31.0.0/16"), Some("available")));
    let zone = ec2::DescribeSubnetsRequest {
        filters: vec![filter("vpc-id", &[vpc.vpc_id.as_deref().expect("an id")]), filter("availabilityZone", &["us-east-1?"])],
        ..Default::default()
    };
    let subnets = bench.get(zone).await.subnets;
    assert_eq!(subnets.len(), 3);
    assert!(subnets.iter().all(|subnet| subnet.available_ip_address_count == Some(4091) && subnet.map_public_ip_on_launch == Some(true)));
    let first = subnets.iter().find(|subnet| subnet.availability_zone.as_deref() == Some("us-east-1a")).expect("a subnet in zone a");
    assert_eq!(first.availability_zone_id.as_deref(), Some("use1-az1"));
}

#[tokio::test]
async fn ids_and_filters_add_up() {
    let bench = Bench::new().await;
    let subnets = bench.get(ec2::DescribeSubnetsRequest::default()).await.subnets;
    let id = subnets[0].subnet_id.clone().expect("an id");
    let zone = subnets[0].availability_zone.clone().expect("a zone");
    let ask = |zone: &str| ec2::DescribeSubnetsRequest {
        subnet_ids: vec![id.clone()],
        filters: vec![filter("availability-zone", &[zone])],
        ..Default::default()
    };
    assert_eq!(bench.get(ask(&zone)).await.subnets.len(), 1);
    assert_eq!(bench.get(ask("us-east-1x")).await.subnets.len(), 0);
}

#[tokio::test]
async fn zones_go_by_name_and_by_id() {
    let bench = Bench::new().await;
    let zones = |request| async { bench.get::<ec2::DescribeAvailabilityZonesRequest>(request).await.availability_zones };
    assert_eq!(zones(ec2::DescribeAvailabilityZonesRequest::default()).await.len(), 3);
    let by_id = ec2::DescribeAvailabilityZonesRequest { zone_ids: vec!["use1-az2".into()], ..Default::default() };
    assert_eq!(zones(by_id).await[0].zone_name.as_deref(), Some("us-east-1b"));
    let by_filter = ec2::DescribeAvailabilityZonesRequest { filters: vec![filter("zone-name", &["*c"])], ..Default::default() };
    assert_eq!(zones(by_filter).await[0].zone_id.as_deref(), Some("use1-az3"));
}

#[tokio::test]
async fn there_is_one_region() {
    let bench = Bench::new().await;
    let named = ec2::DescribeRegionsRequest { region_names: vec!["us-east-1".into()], ..Default::default() };
    assert_eq!(bench.get(named).await.regions.len(), 1);
    let elsewhere = ec2::DescribeRegionsRequest { filters: vec![filter("region-name", &["eu-*"])], ..Default::default() };
    assert_eq!(bench.get(elsewhere).await.regions.len(), 0);
}

#[tokio::test]
async fn the_account_knows_its_default_vpc() {
    let bench = Bench::new().await;
    let vpc = bench.get(ec2::DescribeVpcsRequest::default()).await.vpcs.remove(0).vpc_id;
    let asked = ec2::DescribeAccountAttributesRequest { attribute_names: vec!["default-vpc".into()], ..Default::default() };
    let attributes = bench.get(asked).await.account_attributes;
    assert_eq!(attributes.len(), 1);
    assert_eq!(attributes[0].attribute_values[0].attribute_value, vpc);
}

#[tokio::test]
async fn instance_types_page_and_filter() {
    let bench = Bench::new().await;
    let mut request = ec2::DescribeInstanceTypesRequest {
        max_results: Some(5),
        filters: vec![filter("instance-type", &["t3.*"]), filter("vcpu-info.default-vcpus", &["2"])],
        ..Default::default()
    };
    let first = bench.get(request.clone()).await;
    assert_eq!(first.instance_types.len(), 5);
    assert_eq!(first.next_token, None, "t3.nano to t3.large have two vCPUs");
    request.filters.pop();
    let first = bench.get(request.clone()).await;
    request.next_token = first.next_token;
    let second = bench.get(request).await;
    assert_eq!((second.instance_types.len(), second.next_token), (2, None));
}

#[tokio::test]
async fn a_second_account_has_networks_of_its_own() {
    let bench = Bench::new().await;
    let id = bench.get(ec2::DescribeVpcsRequest::default()).await.vpcs.remove(0).vpc_id.expect("an id");
    let foreign = ec2::DescribeVpcsRequest { vpc_ids: vec![id.clone()], ..Default::default() };
    assert_eq!(bench.ask(TWO, foreign).await.expect_err("foreign").code, ErrorCode::InvalidVpcIdNotFound);
    let own = bench.ask(TWO, ec2::DescribeVpcsRequest::default()).await.expect("an answer").vpcs;
    assert_eq!(own.len(), 1);
    assert_ne!(own[0].vpc_id, Some(id));
}

#[tokio::test]
async fn a_vpc_comes_with_a_route_table_an_acl_a_group_and_options_and_goes_with_them() {
    let bench = Bench::new().await;
    let vpc = new_vpc(&bench, "10.1.2.3/16").await;
    assert_eq!((vpc.cidr_block.as_deref(), vpc.is_default), (Some("10.1.0.0/16"), Some(false)), "host bits are cleared");
    let id = vpc.vpc_id.clone().expect("an id");
    let in_vpc = || vec![filter("vpc-id", &[&id])];
    let tables = || ec2::DescribeRouteTablesRequest { filters: in_vpc(), ..Default::default() };
    let acls = || ec2::DescribeNetworkAclsRequest { filters: in_vpc(), ..Default::default() };
    let groups = || ec2::DescribeSecurityGroupsRequest { filters: in_vpc(), ..Default::default() };
    let [table] = bench.get(tables()).await.route_tables.try_into().expect("one table");
    let route = |to: &str, gateway: &str| (Some(to.to_owned()), Some(gateway.to_owned()), Some("active".to_owned()));
    let routes: Vec<_> = table.routes.into_iter().map(|route| (route.destination_cidr_block, route.gateway_id, route.state)).collect();
    assert_eq!(routes, [route("10.1.0.0/16", "local")]);
    assert_eq!(table.associations.iter().map(|one| (one.main, one.subnet_id.clone())).collect::<Vec<_>>(), [(Some(true), None)]);
    let [acl] = bench.get(acls()).await.network_acls.try_into().expect("one ACL");
    let rules: Vec<_> = acl.entries.iter().map(|entry| (entry.rule_number, entry.egress, entry.rule_action.clone())).collect();
    let rule = |number, egress, action: &str| (Some(number), Some(egress), Some(action.to_owned()));
    assert_eq!(rules, [rule(100, false, "allow"), rule(100, true, "allow"), rule(32767, false, "deny"), rule(32767, true, "deny")]);
    assert_eq!(bench.get(groups()).await.security_groups.len(), 1);
    let options = ec2::DescribeDhcpOptionsRequest { dhcp_options_ids: vpc.dhcp_options_id.into_iter().collect(), ..Default::default() };
    let options = bench.get(options).await.dhcp_options.remove(0).dhcp_configurations;
    let says = |key: &str| options.iter().find(|one| one.key.as_deref() == Some(key)).expect("an option").values[0].value.clone();
    assert_eq!((says("domain-name").as_deref(), says("domain-name-servers").as_deref()), (Some("ec2.internal"), Some("AmazonProvidedDNS")));

    let subnet = bench.get(subnet_of(&id, "10.1.1.0/24")).await.subnet.expect("a subnet");
    assert_eq!((subnet.available_ip_address_count, subnet.map_public_ip_on_launch), (Some(251), Some(false)));
    let acl = bench.get(acls()).await.network_acls.remove(0);
    assert_eq!(acl.associations[0].subnet_id, subnet.subnet_id, "a subnet has the default ACL");
    bench.get(ec2::DeleteSubnetRequest { subnet_id: subnet.subnet_id.expect("an id"), dry_run: None }).await;
    bench.get(ec2::DeleteVpcRequest { vpc_id: id.clone(), dry_run: None }).await;
    let gone = (bench.get(tables()).await.route_tables, bench.get(acls()).await.network_acls, bench.get(groups()).await.security_groups);
    assert_eq!(gone, (vec![], vec![], vec![]));
}

#[tokio::test]
async fn a_subnet_goes_where_its_vpc_has_fewest() {
    let bench = Bench::new().await;
    let vpc = new_vpc(&bench, "10.1.0.0/16").await.vpc_id.expect("an id");
    let mut zones = Vec::new();
    for number in 0..4 {
        let subnet = bench.get(subnet_of(&vpc, &format!("10.1.{number}.0/24"))).await.subnet.expect("a subnet");
        zones.extend(subnet.availability_zone);
    }
    assert_eq!(zones, ["us-east-1a", "us-east-1b", "us-east-1c", "us-east-1a"]);
    let named = ec2::CreateSubnetRequest { availability_zone_id: Some("use1-az3".into()), ..subnet_of(&vpc, "10.1.9.0/24") };
    assert_eq!(bench.get(named).await.subnet.expect("a subnet").availability_zone.as_deref(), Some("us-east-1c"));
}

#[tokio::test]
async fn the_default_vpc_can_be_deleted_and_made_again() {
    let bench = Bench::new().await;
    let of_default = || ec2::DescribeVpcsRequest { filters: vec![filter("is-default", &["true"])], ..Default::default() };
    let old = bench.get(of_default()).await.vpcs.remove(0).vpc_id.expect("an id");
    let tables =
        ec2::DescribeRouteTablesRequest { filters: vec![filter("route.destination-cidr-block", &["0.0.0.0/0"])], ..Default::default() };
    let [table] = bench.get(tables).await.route_tables.try_into().expect("one table");
    assert!(table.routes.iter().any(|route| route.gateway_id.as_deref().is_some_and(|id| id.starts_with("igw-"))), "a way out");
    for subnet in bench.get(ec2::DescribeSubnetsRequest::default()).await.subnets {
        bench.get(ec2::DeleteSubnetRequest { subnet_id: subnet.subnet_id.expect("an id"), dry_run: None }).await;
    }
    let still = bench.ask(ONE, ec2::DeleteVpcRequest { vpc_id: old.clone(), dry_run: None }).await.expect_err("its gateway is attached");
    assert!(still.message.contains("igw-"), "{}", still.message);
    let gateway = bench.get(ec2::DescribeInternetGatewaysRequest::default()).await.internet_gateways.remove(0);
    assert_eq!(gateway.attachments[0].state.as_deref(), Some("available"));
    let id = gateway.internet_gateway_id.expect("an id");
    bench.get(ec2::DetachInternetGatewayRequest { internet_gateway_id: id.clone(), vpc_id: old.clone(), dry_run: None }).await;
    let states = bench.get(ec2::DescribeRouteTablesRequest::default()).await.route_tables.remove(0).routes;
    assert_eq!(states.iter().filter_map(|route| route.state.as_deref()).collect::<Vec<_>>(), ["active", "blackhole"]);
    bench.get(ec2::DeleteInternetGatewayRequest { internet_gateway_id: id, dry_run: None }).await;
    bench.get(ec2::DeleteVpcRequest { vpc_id: old.clone(), dry_run: None }).await;
    assert_eq!(bench.get(of_default()).await.vpcs.len(), 0);
    let new = bench.get(ec2::CreateDefaultVpcRequest::default()).await.vpc.expect("a VPC");
    assert_eq!((new.is_default, new.vpc_id == Some(old)), (Some(true), false));
    assert_eq!(bench.get(ec2::DescribeSubnetsRequest::default()).await.subnets.len(), 3);
}

#[tokio::test]
async fn a_vpc_of_an_older_store_gets_what_vpcs_have() {
    let bench = Bench::new().await;
    let store = bench.scheduler.store();
    let tx = store.begin("").await.expect("a transaction");
    for table in
        ["route", "route_table_association", "route_table", "network_acl_entry", "network_acl_association", "network_acl", "dhcp_options"]
    {
        sea_orm::ConnectionTrait::execute_unprepared(tx.db(), &format!("DELETE FROM {table}")).await.expect("deleted");
    }
    tx.commit().await.expect("committed");
    let tables = || ec2::DescribeRouteTablesRequest::default();
    assert_eq!(bench.get(tables()).await.route_tables.len(), 0);
    for _ in 0..2 {
        crate::network::default::complete(store).await.expect("completed");
        let table = bench.get(tables()).await.route_tables.remove(0);
        assert_eq!(table.routes.len(), 2, "to the VPC and out");
        let acl = bench.get(ec2::DescribeNetworkAclsRequest::default()).await.network_acls.remove(0);
        assert_eq!((acl.associations.len(), acl.entries.len()), (3, 4));
        assert_eq!(bench.get(ec2::DescribeDhcpOptionsRequest::default()).await.dhcp_options.len(), 1);
    }
}
