//! Network interfaces.

use freehold_proto::Fault;
use freehold_proto::aws::ec2;

use crate::Settings;
use crate::ec2::message::{tags as tags_of, timestamp};
use crate::ec2::shown::{Shown, Shows, shown};
use crate::filter::{Table, flag};
use crate::store::read::interfaces::InterfaceView;
use crate::store::read::resources::Tagged;
use crate::tags::Tags;

pub type NetworkInterface = Tagged<InterfaceView>;

pub const FILTERS: Table<Shown<NetworkInterface>> = Table {
    names: &[
        ("addresses.private-ip-address", |eni, say| eni.item.private_addresses.iter().for_each(|address| say(&address.address))),
        ("addresses.association.public-ip", |eni, say| eni.item.public_addresses.iter().for_each(|row| say(&row.address))),
        shown!("addresses.association.owner-id" => private_ip_addresses.association.ip_owner_id),
        ("addresses.primary", |eni, say| eni.item.private_addresses.iter().for_each(|address| say(flag(address.is_primary)))),
        shown!("association.allocation-id" => association.allocation_id),
        shown!("association.association-id" => association.association_id),
        shown!("association.ip-owner-id" => association.ip_owner_id),
        shown!("association.public-dns-name" => association.public_dns_name),
        ("association.public-ip", |eni, say| eni.item.public_address().iter().for_each(|address| say(address))),
        shown!("attachment.attach-time" => attachment.attach_time),
        ("attachment.attachment-id", |eni, say| eni.item.attachment.iter().for_each(|attachment| say(&attachment.attachment_id))),
        ("attachment.delete-on-termination", |eni, say| {
            eni.item.attachment.iter().for_each(|attachment| say(flag(attachment.delete_on_termination)));
        }),
        ("attachment.device-index", |eni, say| eni.item.attachment.iter().for_each(|attachment| say(&attachment.device_index.to_string()))),
        ("attachment.instance-id", |eni, say| eni.item.attachment.iter().for_each(|attachment| say(&attachment.instance_id))),
        ("attachment.instance-owner-id", |eni, say| eni.item.attachment.iter().for_each(|attachment| say(&attachment.account_id))),
        ("attachment.status", |eni, say| eni.item.attachment.iter().for_each(|attachment| say(&attachment.status))),
        ("availability-zone", |eni, say| say(&eni.item.interface.availability_zone)),
        shown!("availability-zone-id" => availability_zone_id),
        ("description", |eni, say| say(&eni.item.interface.description)),
        ("group-id", |eni, say| eni.item.groups.iter().for_each(|group| say(&group.group_id))),
        ("group-name", |eni, say| eni.item.groups.iter().for_each(|group| say(&group.group_name))),
        shown!("interface-type" => interface_type),
        shown!("ipv6-addresses.ipv6-address" => ipv6_addresses.ipv6_address),
        ("mac-address", |eni, say| say(&eni.item.interface.mac_address)),
        ("network-interface-id", |eni, say| say(&eni.item.interface.network_interface_id)),
        shown!("operator.managed" => operator.managed),
        shown!("operator.principal" => operator.principal),
        ("owner-id", |eni, say| say(&eni.item.interface.account_id)),
        shown!("private-dns-name" => private_dns_name),
        ("private-ip-address", |eni, say| eni.item.private_addresses.iter().for_each(|address| say(&address.address))),
        shown!("requester-id" => requester_id),
        ("requester-managed", |eni, say| say(flag(eni.item.nat_gateway_id.is_some()))),
        ("source-dest-check", |eni, say| say(flag(eni.item.interface.source_dest_check))),
        ("status", |eni, say| say(status(&eni.item))),
        ("subnet-id", |eni, say| say(&eni.item.interface.subnet_id)),
        ("vpc-id", |eni, say| say(&eni.item.interface.vpc_id)),
    ],
    tags: Some(|eni, say| eni.tags.iter().for_each(|(key, value)| say(key, value))),
};

fn status(view: &InterfaceView) -> &'static str {
    if view.attachment.is_some() || view.nat_gateway_id.is_some() { "in-use" } else { "available" }
}

impl Shows for NetworkInterface {
    type Message = ec2::NetworkInterface;

    fn message(&self, settings: &Settings) -> Result<ec2::NetworkInterface, Fault> {
        Ok(message(&self.item, &self.tags, settings))
    }
}

/// As a Describe shows it.
pub fn described(view: &InterfaceView, tags: &Tags, settings: &Settings) -> ec2::NetworkInterface {
    message(view, tags, settings)
}

/// Names are made of addresses by the region's rules.
fn message(view: &InterfaceView, tags: &Tags, settings: &Settings) -> ec2::NetworkInterface {
    let row = &view.interface;
    ec2::NetworkInterface {
        network_interface_id: Some(row.network_interface_id.clone()),
        owner_id: Some(row.account_id.clone()),
        vpc_id: Some(row.vpc_id.clone()),
        subnet_id: Some(row.subnet_id.clone()),
        availability_zone: Some(row.availability_zone.clone()),
        availability_zone_id: settings.zone(&row.availability_zone).map(|zone| zone.id.clone()),
        description: Some(row.description.clone()),
        interface_type: Some(if view.nat_gateway_id.is_some() { "nat_gateway" } else { "interface" }.into()),
        mac_address: Some(row.mac_address.clone()),
        private_ip_address: Some(view.primary_address().to_owned()),
        private_dns_name: Some(settings.private_dns_name(view.primary_address())),
        private_ip_addresses: private_addresses(view, settings),
        attachment: attachment(view),
        groups: groups(view),
        requester_managed: Some(view.nat_gateway_id.is_some()),
        operator: Some(ec2::OperatorResponse { managed: Some(false), ..ec2::OperatorResponse::default() }),
        source_dest_check: Some(row.source_dest_check),
        status: Some(status(view).into()),
        tag_set: tags_of(tags),
        association: association(view, view.primary_address(), settings),
        ..Default::default()
    }
}

/// Of a private address. Absent without a public one: clients tell by it whether there is one.
fn association(view: &InterfaceView, private: &str, settings: &Settings) -> Option<ec2::NetworkInterfaceAssociation> {
    let address = view.public_of(private)?;
    let elastic = view.elastic(address);
    Some(ec2::NetworkInterfaceAssociation {
        allocation_id: elastic.map(|row| row.allocation_id.clone()),
        association_id: elastic.and_then(|row| row.association_id.clone()),
        ip_owner_id: Some(view.ip_owner_id(address)),
        public_dns_name: Some(view.name_of(address, settings).unwrap_or_default()),
        public_ip: Some(address.to_owned()),
        ..Default::default()
    })
}

fn private_addresses(view: &InterfaceView, settings: &Settings) -> Vec<ec2::NetworkInterfacePrivateIpAddress> {
    let one = |address: &std::sync::Arc<crate::store::private_address::Model>| ec2::NetworkInterfacePrivateIpAddress {
        association: association(view, &address.address, settings),
        primary: Some(address.is_primary),
        private_dns_name: Some(settings.private_dns_name(&address.address)),
        private_ip_address: Some(address.address.clone()),
    };
    view.private_addresses.iter().map(one).collect()
}

fn attachment(view: &InterfaceView) -> Option<ec2::NetworkInterfaceAttachment> {
    let row = view.attachment.as_ref()?;
    Some(ec2::NetworkInterfaceAttachment {
        attachment_id: Some(row.attachment_id.clone()),
        attach_time: Some(timestamp(row.attach_time)),
        delete_on_termination: Some(row.delete_on_termination),
        device_index: Some(row.device_index),
        network_card_index: Some(0),
        instance_id: Some(row.instance_id.clone()),
        instance_owner_id: Some(row.account_id.clone()),
        status: Some(row.status.clone()),
        ..Default::default()
    })
}

/// The groups of an interface, by id.
pub fn groups(view: &InterfaceView) -> Vec<ec2::GroupIdentifier> {
    let one = |group: &std::sync::Arc<crate::store::security_group::Model>| ec2::GroupIdentifier {
        group_id: Some(group.group_id.clone()),
        group_name: Some(group.group_name.clone()),
    };
    view.groups.iter().map(one).collect()
}
