//! Rows that a Describe shows as they are, with their tags.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::View;
use crate::store::{
    Rows, dhcp_options, internet_gateway, key_pair, launch_template, nat_gateway, placement_group, security_group, security_group_rule,
    subnet,
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
    nat_gateway.nat_gateway_id in nat_gateways,
    key_pair.key_pair_id in key_pairs,
    placement_group.group_id in placement_groups,
    launch_template.launch_template_id in launch_templates,
    subnet.subnet_id in subnets,
}

/// A security group as Describe shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityGroupView {
    pub group: Arc<security_group::Model>,
    pub tags: BTreeMap<String, String>,
    /// In the order they were made.
    pub rules: Vec<Arc<security_group_rule::Model>>,
}

/// A rule of one, by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityGroupRuleView {
    pub rule: Arc<security_group_rule::Model>,
    /// Its group's.
    pub vpc_id: String,
    pub tags: BTreeMap<String, String>,
}

impl View for SecurityGroupRuleView {
    fn one(rows: &Rows, account: &str, id: &str) -> Option<Self> {
        let of_group = rows.security_group_rules.of(id, None).flat_map(|group_id| rows.security_group_rules.get(group_id));
        let rule = of_group.filter(|row| row.account_id == account).find(|row| row.security_group_rule_id == id)?;
        let vpc_id = rows.security_groups.one(&rule.group_id)?.vpc_id.clone();
        Some(Self { rule: Arc::clone(rule), vpc_id, tags: rows.tags_of(account, id) })
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
        Some(Self { group: Arc::clone(group), tags: rows.tags_of(account, id), rules: rows.security_group_rules.get(id).to_vec() })
    }

    fn ids<'a>(rows: &'a Rows, account: &'a str, after: Option<&'a str>) -> Box<dyn Iterator<Item = &'a str> + 'a> {
        Box::new(rows.security_groups.of(account, after))
    }

    fn id(&self) -> &str {
        &self.group.group_id
    }
}
