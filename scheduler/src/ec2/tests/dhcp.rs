//! Sets of DHCP options: made, given to VPCs, told to hosts.

use super::network_refusals::{new_vpc, too_many_tags};
use super::refusals::strings;
use super::*;
use crate::hosts::desired;
use crate::network::dhcp;
use crate::store::dhcp_options;
use sea_orm::{EntityTrait, IntoActiveModel};

fn option(key: &str, values: &[&str]) -> ec2::NewDhcpConfiguration {
    ec2::NewDhcpConfiguration { key: Some(key.into()), values: strings(values) }
}

fn of(dhcp_configurations: Vec<ec2::NewDhcpConfiguration>) -> ec2::CreateDhcpOptionsRequest {
    ec2::CreateDhcpOptionsRequest { dhcp_configurations, ..Default::default() }
}

fn associate(set: &str, vpc: &str) -> ec2::AssociateDhcpOptionsRequest {
    ec2::AssociateDhcpOptionsRequest { dhcp_options_id: set.into(), vpc_id: vpc.into(), dry_run: None }
}

fn delete(set: &str) -> ec2::DeleteDhcpOptionsRequest {
    ec2::DeleteDhcpOptionsRequest { dhcp_options_id: set.into(), dry_run: None }
}

async fn made(bench: &Bench) -> String {
    bench.get(of(vec![option("ntp-servers", &["192.0.2.1"])])).await.dhcp_options.expect("a set").dhcp_options_id.expect("an id")
}

pub async fn told(bench: &Bench, vpc: &str) -> freehold_proto::internal::host::VpcDesired {
    let store = bench.scheduler.store();
    desired::vpc(store.reader(), store.settings(), vpc).await.expect("a read").expect("a VPC")
}

#[tokio::test]
async fn what_a_set_says_is_shown_as_given_and_told_to_the_hosts_of_its_vpcs() {
    let bench = Bench::new().await;
    let vpc = new_vpc(&bench, "10.0.0.0/16").await.vpc_id.expect("an id");
    let own = told(&bench, &vpc).await.dhcp_options.expect("options");
    assert_eq!((own.domain_name.as_str(), own.domain_name_servers.as_slice()), ("ec2.internal", &strings(&["AmazonProvidedDNS"])[..]));
    let given = vec![
        option("domain-name-servers", &["192.0.2.1", "AmazonProvidedDNS"]),
        option("domain-name", &["example.org"]),
        option("ntp-servers", &["192.0.2.2"]),
        option("netbios-name-servers", &["192.0.2.3"]),
        option("netbios-node-type", &["2"]),
    ];
    let create = ec2::CreateDhcpOptionsRequest { tag_specifications: tagged("dhcp-options", &[("a", "b")]), ..of(given.clone()) };
    let set = bench.get(create).await.dhcp_options.expect("a set");
    let id = set.dhcp_options_id.clone().expect("an id");
    let shown: Vec<ec2::NewDhcpConfiguration> = set
        .dhcp_configurations
        .iter()
        .map(|shown| ec2::NewDhcpConfiguration {
            key: shown.key.clone(),
            values: shown.values.iter().filter_map(|value| value.value.clone()).collect(),
        })
        .collect();
    assert_eq!((shown, set.tags.as_slice()), (given, [tag("a", "b")].as_slice()));
    let generation = told(&bench, &vpc).await.generation;
    bench.get(associate(&id, &vpc)).await;
    let now = told(&bench, &vpc).await;
    assert_eq!(now.generation, generation + 1);
    let options = now.dhcp_options.expect("options");
    assert_eq!((options.domain_name.as_str(), options.netbios_node_type), ("example.org", 2));
    assert_eq!(options.domain_name_servers, strings(&["192.0.2.1", "AmazonProvidedDNS"]));
    assert_eq!((options.ntp_servers, options.netbios_name_servers), (strings(&["192.0.2.2"]), strings(&["192.0.2.3"])));
    bench.get(associate(&id, &vpc)).await;
    assert_eq!(told(&bench, &vpc).await.generation, generation + 1, "what is so already is not stated again");
    bench.refused(ErrorCode::DependencyViolation, delete(&id)).await;
    bench.get(associate(dhcp::NONE, &vpc)).await;
    assert_eq!(told(&bench, &vpc).await.dhcp_options, Some(freehold_proto::internal::host::DhcpOptionsDesired::default()));
    bench.get(delete(&id)).await;
    let gone = ec2::DescribeDhcpOptionsRequest { dhcp_options_ids: vec![id], ..Default::default() };
    bench.refused(ErrorCode::InvalidDhcpOptionsIdNotFound, gone).await;
}

#[tokio::test]
async fn an_option_that_guests_would_not_be_told_is_refused() {
    let bench = Bench::new().await;
    let bad: &[(&str, &[&str])] = &[
        ("domain-name-servers", &["example.org"]),
        ("domain-name-servers", &["2001:db8::1"]),
        ("domain-name-servers", &["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5"]),
        ("domain-name-servers", &[]),
        ("domain-name", &["a..b"]),
        ("domain-name", &["a", "b"]),
        ("domain-name", &[""]),
        ("ntp-servers", &["AmazonProvidedDNS"]),
        ("netbios-name-servers", &["here"]),
        ("netbios-node-type", &["3"]),
        ("ipv6-address-preferred-lease-time", &["140"]),
        ("", &["x"]),
    ];
    for (key, values) in bad {
        let fault = bench.refused(ErrorCode::InvalidParameterValue, of(vec![option(key, values)])).await;
        assert!(fault.message.contains(key), "{}", fault.message);
    }
    let twice = vec![option("ntp-servers", &["192.0.2.1"]), option("ntp-servers", &["192.0.2.2"])];
    bench.refused(ErrorCode::InvalidParameterValue, of(twice)).await;
}

pub async fn refusals(bench: &Bench) {
    bench.refused(ErrorCode::MissingParameter, of(vec![])).await;
    bench.refused(ErrorCode::InvalidParameterValue, of(vec![option("x", &["y"])])).await;
    let tags = ec2::CreateDhcpOptionsRequest {
        tag_specifications: too_many_tags("dhcp-options"),
        ..of(vec![option("ntp-servers", &["192.0.2.1"])])
    };
    bench.refused(ErrorCode::TagLimitExceeded, tags).await;

    let set = made(bench).await;
    bench.refused(ErrorCode::MissingParameter, delete("")).await;
    bench.refused(ErrorCode::InvalidDhcpOptionsIdMalformed, delete("dopt-zzz")).await;
    bench.refused(ErrorCode::InvalidDhcpOptionsIdNotFound, delete("dopt-0123456789abcdef0")).await;
    assert_eq!(bench.ask(TWO, delete(&set)).await.expect_err("foreign").code, ErrorCode::InvalidDhcpOptionsIdNotFound);
    let vpc = new_vpc(bench, "10.77.0.0/16").await;
    bench.refused(ErrorCode::DependencyViolation, delete(&vpc.dhcp_options_id.expect("a set"))).await;

    let vpc = vpc.vpc_id.expect("an id");
    bench.refused(ErrorCode::MissingParameter, associate("", &vpc)).await;
    bench.refused(ErrorCode::MissingParameter, associate(&set, "")).await;
    bench.refused(ErrorCode::InvalidDhcpOptionsIdMalformed, associate("dopt-zzz", &vpc)).await;
    bench.refused(ErrorCode::InvalidDhcpOptionsIdNotFound, associate("dopt-0123456789abcdef0", &vpc)).await;
    bench.refused(ErrorCode::InvalidVpcIdMalformed, associate(&set, "vpc-zzz")).await;
    bench.refused(ErrorCode::InvalidVpcIdNotFound, associate(&set, "vpc-0123456789abcdef0")).await;
    limit(bench, &set).await;
}

/// Rows like one that was made.
async fn limit(bench: &Bench, set: &str) {
    let store = bench.scheduler.store();
    let row = dhcp_options::Entity::find_by_id(set).one(store.reader()).await.expect("a read").expect("a row");
    let like = |n: u64| dhcp_options::Model { dhcp_options_id: format!("dopt-{n:017x}"), ..row.clone() }.into_active_model();
    bench.insert::<dhcp_options::Entity>((0..dhcp::MOST).map(like).collect()).await;
    bench.refused(ErrorCode::DhcpOptionsLimitExceeded, of(vec![option("ntp-servers", &["192.0.2.1"])])).await;
}
