//! What clients still ask of VPCs that was of use beside EC2-Classic, and a VPC's tenancy.

use super::network_refusals::new_vpc;
use super::refusals::{refuse_filters, refuse_ids, refuse_pages, strings};
use super::*;

pub async fn refusals(bench: &Bench) {
    refuse_filters!(bench, DescribeVpcClassicLinkRequest, "tag-key");
    bench.refused(ErrorCode::InvalidVpcIdMalformed, links("vpc-zzz")).await;
    bench.refused(ErrorCode::InvalidVpcIdNotFound, links("vpc-0123456789abcdef0")).await;
    refuse_pages!(bench, DescribeVpcClassicLinkDnsSupportRequest);
    refuse_ids!(bench, DescribeVpcClassicLinkDnsSupportRequest, vpc_ids, "vpc", InvalidVpcIdMalformed, InvalidVpcIdNotFound);
    let vpc = new_vpc(bench, "10.21.0.0/16").await.vpc_id.expect("an id");
    bench.refused(ErrorCode::MissingParameter, modify("", "default")).await;
    bench.refused(ErrorCode::MissingParameter, modify(&vpc, "")).await;
    bench.refused(ErrorCode::InvalidParameterValue, modify(&vpc, "dedicated")).await;
    bench.refused(ErrorCode::InvalidVpcIdMalformed, modify("vpc-zzz", "default")).await;
    bench.refused(ErrorCode::InvalidVpcIdNotFound, modify("vpc-0123456789abcdef0", "default")).await;
    assert_eq!(bench.ask(TWO, modify(&vpc, "default")).await.expect_err("foreign").code, ErrorCode::InvalidVpcIdNotFound);
}

fn links(id: &str) -> ec2::DescribeVpcClassicLinkRequest {
    ec2::DescribeVpcClassicLinkRequest { vpc_ids: strings(&[id]), ..Default::default() }
}

fn modify(id: &str, tenancy: &str) -> ec2::ModifyVpcTenancyRequest {
    ec2::ModifyVpcTenancyRequest { vpc_id: id.into(), instance_tenancy: tenancy.into(), dry_run: None }
}

#[tokio::test]
async fn no_vpc_is_linked_and_each_is_of_default_tenancy() {
    let bench = Bench::new().await;
    let tags = ec2::CreateVpcRequest {
        cidr_block: Some("10.0.0.0/16".into()),
        tag_specifications: tagged("vpc", &[("colour", "blue")]),
        ..Default::default()
    };
    let vpc = bench.get(tags).await.vpc.expect("a VPC").vpc_id.expect("an id");
    let shown = bench.get(links(&vpc)).await.vpcs;
    let unlinked = ec2::VpcClassicLink { classic_link_enabled: Some(false), tags: vec![tag("colour", "blue")], vpc_id: Some(vpc.clone()) };
    assert_eq!(shown, [unlinked]);
    for (value, count) in [("false", 2), ("true", 0)] {
        let filters = vec![filter("is-classic-link-enabled", &[value])];
        let found = bench.get(ec2::DescribeVpcClassicLinkRequest { filters, ..Default::default() }).await.vpcs;
        assert_eq!(found.len(), count, "{value}");
    }
    let filters = vec![filter("tag:colour", &["blue"])];
    let blue = bench.get(ec2::DescribeVpcClassicLinkRequest { filters, ..Default::default() }).await.vpcs;
    assert_eq!(blue, shown);
    let support = bench.get(ec2::DescribeVpcClassicLinkDnsSupportRequest::default()).await.vpcs;
    assert_eq!(support.len(), 2);
    assert!(support.iter().all(|one| one.classic_link_dns_supported == Some(false)));
    assert_eq!(bench.get(modify(&vpc, "default")).await.return_value, Some(true));
    let vpcs = bench.get(ec2::DescribeVpcsRequest::default()).await.vpcs;
    assert!(vpcs.iter().all(|vpc| vpc.instance_tenancy.as_deref() == Some("default")));
}
