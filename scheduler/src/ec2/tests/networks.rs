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
