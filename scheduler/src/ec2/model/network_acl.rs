//! Network ACLs.

use freehold_proto::Fault;
use freehold_proto::aws::ec2;

use crate::Settings;
use crate::ec2::message;
use crate::ec2::shown::{Shown, Shows, shown};
use crate::filter::{Table, flag};
use crate::store::network_acl_entry;
use crate::store::read::networks::NetworkAclView;

pub const FILTERS: Table<Shown<NetworkAclView>> = Table {
    names: &[
        shown!("association.association-id" => associations.network_acl_association_id),
        shown!("association.network-acl-id" => associations.network_acl_id),
        shown!("association.subnet-id" => associations.subnet_id),
        ("default", |view, say| say(flag(view.acl.is_default))),
        shown!("entry.cidr" => entries.cidr_block),
        shown!("entry.icmp.code" => entries.icmp_type_code.code),
        shown!("entry.icmp.type" => entries.icmp_type_code.r#type),
        shown!("entry.ipv6-cidr" => entries.ipv6_cidr_block),
        shown!("entry.port-range.from" => entries.port_range.from),
        shown!("entry.port-range.to" => entries.port_range.to),
        ("entry.protocol", |view, say| view.entries.iter().for_each(|row| say(protocol_word(&row.protocol)))),
        shown!("entry.rule-action" => entries.rule_action),
        shown!("entry.egress" => entries.egress),
        shown!("entry.rule-number" => entries.rule_number),
        ("network-acl-id", |view, say| say(&view.acl.network_acl_id)),
        ("owner-id", |view, say| say(&view.acl.account_id)),
        ("vpc-id", |view, say| say(&view.acl.vpc_id)),
    ],
    tags: Some(|view, say| view.tags.iter().for_each(|(key, value)| say(key, value))),
};

/// The filter has words for the best known, and numbers for the others.
fn protocol_word(number: &str) -> &str {
    match number {
        "1" => "icmp",
        "6" => "tcp",
        "17" => "udp",
        other => other,
    }
}

impl Shows for NetworkAclView {
    type Message = ec2::NetworkAcl;

    fn message(&self, _: &Settings) -> Result<ec2::NetworkAcl, Fault> {
        let association = |row: &std::sync::Arc<crate::store::network_acl_association::Model>| ec2::NetworkAclAssociation {
            network_acl_association_id: Some(row.association_id.clone()),
            network_acl_id: Some(row.network_acl_id.clone()),
            subnet_id: Some(row.subnet_id.clone()),
        };
        Ok(ec2::NetworkAcl {
            network_acl_id: Some(self.acl.network_acl_id.clone()),
            owner_id: Some(self.acl.account_id.clone()),
            vpc_id: Some(self.acl.vpc_id.clone()),
            is_default: Some(self.acl.is_default),
            entries: self.entries.iter().map(|row| entry(row)).collect(),
            associations: self.associations.iter().map(association).collect(),
            tags: message::tags(&self.tags),
        })
    }
}

fn entry(row: &network_acl_entry::Model) -> ec2::NetworkAclEntry {
    ec2::NetworkAclEntry {
        cidr_block: row.cidr_block.clone(),
        ipv6_cidr_block: row.ipv6_cidr_block.clone(),
        egress: Some(row.is_egress),
        icmp_type_code: row.icmp_type.map(|kind| ec2::IcmpTypeCode { r#type: Some(kind), code: row.icmp_code }),
        port_range: row.from_port.map(|from| ec2::PortRange { from: Some(from), to: row.to_port }),
        protocol: Some(row.protocol.clone()),
        rule_action: Some(row.rule_action.clone()),
        rule_number: Some(row.rule_number),
    }
}
