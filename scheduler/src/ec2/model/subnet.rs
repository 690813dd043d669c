//! Subnets.

use std::sync::Arc;

use freehold_proto::aws::ec2;

use crate::Settings;
use crate::ec2::message;
use crate::ec2::shown::never;
use crate::filter::{Table, flag};
use crate::store::read::resources::Tagged;
use crate::store::subnet;

pub type Subnet = Tagged<Arc<subnet::Model>>;

/// A subnet as Describe shows it.
pub struct SubnetView {
    pub subnet: Subnet,
    pub availability_zone_id: String,
    /// `arn:aws:ec2:REGION:ACCOUNT:subnet/ID`
    pub arn: String,
    pub available_ip_address_count: i32,
}

const STATE: &str = "available";

impl SubnetView {
    /// `available` are the addresses that it has for whoever comes next.
    pub fn new(subnet: Subnet, settings: &Settings, available: usize) -> Self {
        let row = &subnet.item;
        Self {
            availability_zone_id: settings.zone(&row.availability_zone).map(|zone| zone.id.clone()).unwrap_or_default(),
            arn: format!("arn:aws:ec2:{}:{}:subnet/{}", settings.region, row.account_id, row.subnet_id),
            available_ip_address_count: i32::try_from(available).unwrap_or(i32::MAX),
            subnet,
        }
    }
}

pub const FILTERS: Table<SubnetView> = Table {
    names: &[
        ("availability-zone", |view, say| say(&view.subnet.item.availability_zone)),
        ("availabilityZone", |view, say| say(&view.subnet.item.availability_zone)),
        ("availability-zone-id", |view, say| say(&view.availability_zone_id)),
        ("available-ip-address-count", |view, say| say(&view.available_ip_address_count.to_string())),
        ("cidr", |view, say| say(&view.subnet.item.cidr_block)),
        ("cidr-block", |view, say| say(&view.subnet.item.cidr_block)),
        ("cidrBlock", |view, say| say(&view.subnet.item.cidr_block)),
        never!("customer-owned-ipv4-pool"),
        ("default-for-az", |view, say| say(flag(view.subnet.item.default_for_az))),
        ("defaultForAz", |view, say| say(flag(view.subnet.item.default_for_az))),
        ("enable-dns64", |_, say| say(flag(false))),
        never!("enable-lni-at-device-index"),
        never!("ipv6-cidr-block-association.association-id"),
        never!("ipv6-cidr-block-association.ipv6-cidr-block"),
        never!("ipv6-cidr-block-association.state"),
        ("ipv6-native", |_, say| say(flag(false))),
        ("map-customer-owned-ip-on-launch", |_, say| say(flag(false))),
        ("map-public-ip-on-launch", |view, say| say(flag(view.subnet.item.map_public_ip_on_launch))),
        never!("outpost-arn"),
        ("private-dns-name-options-on-launch.enable-resource-name-dns-a-record", |view, say| {
            say(flag(view.subnet.item.enable_resource_name_dns_a_record));
        }),
        ("private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record", |_, say| say(flag(false))),
        ("private-dns-name-options-on-launch.hostname-type", |view, say| say(&view.subnet.item.private_dns_hostname_type)),
        ("owner-id", |view, say| say(&view.subnet.item.account_id)),
        ("state", |_, say| say(STATE)),
        ("subnet-arn", |view, say| say(&view.arn)),
        ("subnet-id", |view, say| say(&view.subnet.item.subnet_id)),
        ("vpc-id", |view, say| say(&view.subnet.item.vpc_id)),
    ],
    tags: Some(|view, say| view.subnet.tags.iter().for_each(|(key, value)| say(key, value))),
};

impl From<&SubnetView> for ec2::Subnet {
    fn from(view: &SubnetView) -> Self {
        let Tagged { item, tags } = &view.subnet;
        Self {
            subnet_id: Some(item.subnet_id.clone()),
            subnet_arn: Some(view.arn.clone()),
            owner_id: Some(item.account_id.clone()),
            vpc_id: Some(item.vpc_id.clone()),
            cidr_block: Some(item.cidr_block.clone()),
            availability_zone: Some(item.availability_zone.clone()),
            availability_zone_id: Some(view.availability_zone_id.clone()),
            available_ip_address_count: Some(view.available_ip_address_count),
            default_for_az: Some(item.default_for_az),
            map_public_ip_on_launch: Some(item.map_public_ip_on_launch),
            // There is no IPv6 and no Outpost; clients read the flags all the same.
            assign_ipv6_address_on_creation: Some(false),
            enable_dns64: Some(false),
            ipv6_native: Some(false),
            map_customer_owned_ip_on_launch: Some(false),
            private_dns_name_options_on_launch: Some(ec2::PrivateDnsNameOptionsOnLaunch {
                hostname_type: Some(item.private_dns_hostname_type.clone()),
                enable_resource_name_dns_a_record: Some(item.enable_resource_name_dns_a_record),
                enable_resource_name_dns_aaaa_record: Some(false),
            }),
            state: Some(STATE.into()),
            tags: message::tags(tags),
            ..Self::default()
        }
    }
}
