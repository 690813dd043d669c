//! The network ACLs of a VPC as a host should hold them.

use std::collections::BTreeMap;

use freehold_proto::internal::host::{NetworkAclDesired, NetworkAclEntryDesired, SubnetDesired};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder};

use crate::network::acl::ALLOW;
use crate::store::{network_acl_association, network_acl_entry};

/// Those that a subnet has. Each subnet is told which is its own.
pub async fn network_acls(db: &impl ConnectionTrait, subnets: &mut [SubnetDesired]) -> Result<Vec<NetworkAclDesired>, DbErr> {
    use network_acl_association::{Column, Entity};
    let ids: Vec<&str> = subnets.iter().map(|subnet| subnet.subnet_id.as_str()).collect();
    let associated = Entity::find().filter(Column::SubnetId.is_in(ids)).all(db).await?;
    let associated: BTreeMap<String, String> = associated.into_iter().map(|row| (row.subnet_id, row.network_acl_id)).collect();
    for subnet in subnets {
        subnet.network_acl_id = associated.get(&subnet.subnet_id).cloned().unwrap_or_default();
    }
    let mut acls: BTreeMap<String, Vec<NetworkAclEntryDesired>> = associated.into_values().map(|id| (id, Vec::new())).collect();
    let ids: Vec<&str> = acls.keys().map(String::as_str).collect();
    let entries = network_acl_entry::Entity::find().filter(network_acl_entry::Column::NetworkAclId.is_in(ids));
    let entries = entries.order_by_asc(network_acl_entry::Column::IsEgress).order_by_asc(network_acl_entry::Column::RuleNumber);
    for row in entries.all(db).await? {
        let rules = acls.entry(row.network_acl_id.clone()).or_default();
        // One with an IPv6 block is met by no packet: nothing in a VPC has an IPv6 address.
        rules.extend(row.cidr_block.clone().map(|block| entry(row, block)));
    }
    Ok(acls.into_iter().map(|(network_acl_id, entries)| NetworkAclDesired { network_acl_id, entries }).collect())
}

fn entry(row: network_acl_entry::Model, cidr_block: String) -> NetworkAclEntryDesired {
    NetworkAclEntryDesired {
        egress: row.is_egress,
        rule_number: u32::try_from(row.rule_number).unwrap_or_default(),
        protocol: row.protocol,
        allow: row.rule_action == ALLOW,
        cidr_block,
        from_port: row.from_port.or(row.icmp_type).unwrap_or(-1),
        to_port: row.to_port.or(row.icmp_code).unwrap_or(-1),
    }
}
