//! The rules of a security group as a host should hold them.

use freehold_proto::internal::host::{RuleDesired, rule_desired::Peer};
use sea_orm::{ConnectionTrait, DbErr};

use super::lists::Blocks;
use crate::store::security_group_rule;

/// One that names a prefix list is one for each of the list's blocks. One with an IPv6 block is none: nothing in a VPC has an IPv6 address.
pub async fn desired(db: &impl ConnectionTrait, rows: Vec<security_group_rule::Model>) -> Result<Vec<RuleDesired>, DbErr> {
    let lists = Blocks::of(db, rows.iter().filter_map(|row| row.prefix_list_id.clone())).await?;
    let mut rules = Vec::with_capacity(rows.len());
    for row in &rows {
        rules.extend(peers(row, &lists).map(|peer| rule(row, peer)));
    }
    Ok(rules)
}

fn peers<'a>(row: &'a security_group_rule::Model, lists: &'a Blocks) -> impl Iterator<Item = Peer> + 'a {
    let block = row.cidr_ipv4.iter().map(|cidr| Peer::CidrIpv4(cidr.clone()));
    let group = row.referenced_group_id.iter().map(|id| Peer::ReferencedGroupId(id.clone()));
    let list = row.prefix_list_id.iter().flat_map(|id| lists.get(id)).map(|cidr| Peer::CidrIpv4(cidr.clone()));
    block.chain(group).chain(list)
}

fn rule(row: &security_group_rule::Model, peer: Peer) -> RuleDesired {
    RuleDesired {
        egress: row.is_egress,
        ip_protocol: row.ip_protocol.clone(),
        from_port: row.from_port,
        to_port: row.to_port,
        peer: Some(peer),
    }
}
