//! Rows that a Describe shows as they are, with their tags.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::View;
use crate::network::peering;
use crate::store::{
    Rows, dhcp_options, internet_gateway, key_pair, launch_template, nat_gateway, nat_gateway_address, placement_group, security_group,
    security_group_rule, subnet, subnet_cidr_reservation, vpc_peering_connection,
};

/// Something with its tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tagged<T> {
    pub item: T,
    pub tags: BTreeMap<String, String>,
}

macro_rules! resources {
    ($($table:ident.$id:ident in $rows:ident,)*) => {$(
        impl View for Tagged<Arc<$table::Model>> {
            fn one(rows: &Rows, account: &str, id: &str) -> Option<Self> {
                let item = rows.$rows.one(id).filter(|row| row.account_id == account)?;
                Some(Self { item: Arc::clone(item), tags: rows.tags_of(account, id) })
            }

            fn ids<'a>(rows: &'a Rows, account: &'a str, after: Option<&'a str>) -> Box<dyn Iterator<Item = &'a str> + 'a> {
                Box::new(rows.$rows.of(account, after))
            }

            fn id(&self) -> &str {
                &self.item.$id
            }
        }
    )*};
}
resources! {
    dhcp_options.dhcp_options_id in dhcp_options,
    internet_gateway.internet_gateway_id in internet_gateways,
    key_pair.key_pair_id in key_pairs,
    placement_group.group_id in placement_groups,
    launch_template.launch_template_id in launch_templates,
    subnet.subnet_id in subnets,
    subnet_cidr_reservation.subnet_cidr_reservation_id in subnet_cidr_reservations,
}

/// A NAT gateway as Describe shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NatGatewayView {
    pub gateway: Arc<nat_gateway::Model>,
    /// Beside the primary one, in the order in which they came.
    pub addresses: Vec<Arc<nat_gateway_address::Model>>,
}

impl View for Tagged<NatGatewayView> {
    fn one(rows: &Rows, account: &str, id: &str) -> Option<Self> {
        let gateway = Arc::clone(rows.nat_gateways.one(id).filter(|row| row.account_id == account)?);
        let addresses = rows.nat_gateway_addresses.get(id).to_vec();
        Some(Self { item: NatGatewayView { gateway, addresses }, tags: rows.tags_of(account, id) })
    }

    fn ids<'a>(rows: &'a Rows, account: &'a str, after: Option<&'a str>) -> Box<dyn Iterator<Item = &'a str> + 'a> {
        Box::new(rows.nat_gateways.of(account, after))
    }

    fn id(&self) -> &str {
        &self.item.gateway.nat_gateway_id
    }
}

/// A security group as Describe shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityGroupView {
    pub group: Arc<security_group::Model>,
    pub tags: BTreeMap<String, String>,
    /// In the order they were made.
    pub rules: Vec<Arc<security_group_rule::Model>>,
    /// By id, the groups that they name in other VPCs.
    pub foreign: BTreeMap<String, Foreign>,
}

/// What is shown of a group in another VPC that a rule names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    pub account_id: String,
    pub vpc_id: String,
    /// The connection that leads there, or the last that did.
    pub peering_id: String,
    pub peering_status: String,
}

/// What is to be shown of a group in another VPC than this, whose connections these are. None where there never was one.
pub fn foreign<'a>(
    connections: impl Iterator<Item = &'a vpc_peering_connection::Model>,
    vpc_id: &str,
    group: &security_group::Model,
) -> Option<Foreign> {
    let between = connections.filter(|row| peering::peer(row, vpc_id) == group.vpc_id);
    let newest = between.max_by_key(|row| (row.status == peering::status::ACTIVE, row.created, &row.vpc_peering_connection_id))?;
    Some(Foreign {
        account_id: group.account_id.clone(),
        vpc_id: group.vpc_id.clone(),
        peering_id: newest.vpc_peering_connection_id.clone(),
        peering_status: newest.status.clone(),
    })
}

fn foreign_in(rows: &Rows, vpc_id: &str, group_id: &str) -> Option<Foreign> {
    let group = rows.security_groups.one(group_id).filter(|group| group.vpc_id != vpc_id)?;
    let connections = rows.vpc_peering_connections.of(vpc_id, None).filter_map(|id| rows.vpc_peering_connections.one(id));
    foreign(connections.map(AsRef::as_ref), vpc_id, group)
}

/// A rule of one, by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityGroupRuleView {
    pub rule: Arc<security_group_rule::Model>,
    /// Its group's.
    pub vpc_id: String,
    /// Of what it names, where that is in another VPC.
    pub foreign: Option<Foreign>,
    pub tags: BTreeMap<String, String>,
}

impl View for SecurityGroupRuleView {
    fn one(rows: &Rows, account: &str, id: &str) -> Option<Self> {
        let of_group = rows.security_group_rules.of(id, None).flat_map(|group_id| rows.security_group_rules.get(group_id));
        let rule = of_group.filter(|row| row.account_id == account).find(|row| row.security_group_rule_id == id)?;
        let vpc_id = rows.security_groups.one(&rule.group_id)?.vpc_id.clone();
        let foreign = rule.referenced_group_id.as_ref().and_then(|group_id| foreign_in(rows, &vpc_id, group_id));
        Some(Self { rule: Arc::clone(rule), vpc_id, foreign, tags: rows.tags_of(account, id) })
    }

    fn ids<'a>(rows: &'a Rows, account: &'a str, after: Option<&'a str>) -> Box<dyn Iterator<Item = &'a str> + 'a> {
        let of_groups = rows.security_groups.of(account, None).flat_map(|group_id| rows.security_group_rules.get(group_id));
        let ids = of_groups.map(|row| row.security_group_rule_id.as_str()).filter(|id| after.is_none_or(|after| *id > after));
        Box::new(ids.collect::<BTreeSet<_>>().into_iter())
    }

    fn id(&self) -> &str {
        &self.rule.security_group_rule_id
    }
}

impl View for SecurityGroupView {
    fn one(rows: &Rows, account: &str, id: &str) -> Option<Self> {
        let group = rows.security_groups.one(id).filter(|row| row.account_id == account)?;
        let rules = rows.security_group_rules.get(id).to_vec();
        let named: BTreeSet<&String> = rules.iter().filter_map(|rule| rule.referenced_group_id.as_ref()).collect();
        let foreign = named.into_iter().filter_map(|other| Some((other.clone(), foreign_in(rows, &group.vpc_id, other)?))).collect();
        Some(Self { group: Arc::clone(group), tags: rows.tags_of(account, id), rules, foreign })
    }

    fn ids<'a>(rows: &'a Rows, account: &'a str, after: Option<&'a str>) -> Box<dyn Iterator<Item = &'a str> + 'a> {
        Box::new(rows.security_groups.of(account, after))
    }

    fn id(&self) -> &str {
        &self.group.group_id
    }
}
