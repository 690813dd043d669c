//! Elastic IPs.

use freehold_proto::Fault;
use freehold_proto::aws::ec2;

use crate::Settings;
use crate::ec2::message;
use crate::ec2::run_instances::invalid;
use crate::ec2::shown::{Shown, Shows, shown};
use crate::filter::Table;
use crate::store::elastic_address;
use crate::store::read::elastic::ElasticAddressView;

/// All addresses are of the cloud's one pool, for VPCs. EC2-Classic had others.
const DOMAIN: &str = "vpc";
const POOL: &str = "amazon";

pub const FILTERS: Table<Shown<ElasticAddressView>> = Table {
    names: &[
        ("allocation-id", |view, say| say(&view.address.allocation_id)),
        ("association-id", |view, say| view.address.association_id.iter().for_each(|id| say(id))),
        // An older one that clients still send.
        ("domain", |_, say| say(DOMAIN)),
        ("instance-id", |view, say| view.attachment.iter().for_each(|row| say(&row.instance_id))),
        shown!("network-border-group" => network_border_group),
        ("network-interface-id", |view, say| view.address.network_interface_id.iter().for_each(|id| say(id))),
        ("network-interface-owner-id", |view, say| view.interface.iter().for_each(|row| say(&row.account_id))),
        ("private-ip-address", |view, say| view.address.private_ip_address.iter().for_each(|address| say(address))),
        ("public-ip", |view, say| say(&view.address.address)),
    ],
    tags: Some(|view, say| view.tags.iter().for_each(|(key, value)| say(key, value))),
};

impl Shows for ElasticAddressView {
    type Message = ec2::Address;

    fn message(&self, settings: &Settings) -> Result<ec2::Address, Fault> {
        Ok(ec2::Address {
            allocation_id: Some(self.address.allocation_id.clone()),
            association_id: self.address.association_id.clone(),
            domain: Some(DOMAIN.into()),
            instance_id: self.attachment.as_ref().map(|row| row.instance_id.clone()),
            network_border_group: Some(settings.region.clone()),
            network_interface_id: self.address.network_interface_id.clone(),
            network_interface_owner_id: self.interface.as_ref().map(|row| row.account_id.clone()),
            private_ip_address: self.address.private_ip_address.clone(),
            public_ip: Some(self.address.address.clone()),
            public_ipv4_pool: Some(POOL.into()),
            tags: message::tags(&self.tags),
            ..ec2::Address::default()
        })
    }
}

/// The one attribute that there is.
const DOMAIN_NAME: &str = "domain-name";

pub fn check_attribute(asked: &str) -> Result<(), Fault> {
    if asked == DOMAIN_NAME {
        return Ok(());
    }
    Err(invalid(format!("Value ({asked}) for parameter attribute is invalid. It is {DOMAIN_NAME}.")))
}

/// What is said of its name. A change is done as soon as it is answered, so none is ever on its way.
pub fn attribute(row: &elastic_address::Model) -> ec2::AddressAttribute {
    ec2::AddressAttribute {
        public_ip: Some(row.address.clone()),
        allocation_id: Some(row.allocation_id.clone()),
        ptr_record: row.ptr_record.clone(),
        ptr_record_update: None,
    }
}

/// One that was just allocated.
pub fn allocated(allocation_id: String, address: String, settings: &Settings) -> ec2::AllocateAddressResult {
    ec2::AllocateAddressResult {
        allocation_id: Some(allocation_id),
        domain: Some(DOMAIN.into()),
        network_border_group: Some(settings.region.clone()),
        public_ip: Some(address),
        public_ipv4_pool: Some(POOL.into()),
        ..ec2::AllocateAddressResult::default()
    }
}
