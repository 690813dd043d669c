//! A plan as the operator sees it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{HostPlan, Target, VpcPlan};

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shown {
    pub vpcs: Vec<Vpc>,
    /// What was left out, and why.
    pub faults: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Vpc {
    pub vpc_id: String,
    pub namespace: String,
    pub uplink: String,
    pub blocks: Vec<String>,
    pub resolver: String,
    pub resolves: bool,
    pub peerings: Vec<Listed>,
    pub interfaces: Vec<Interface>,
    pub route_tables: Vec<Listed>,
    pub network_acls: Vec<Listed>,
    pub security_groups: Vec<Listed>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Interface {
    pub network_interface_id: String,
    pub instance_id: String,
    pub tap: String,
    pub mac: String,
    /// The primary one first.
    pub addresses: Vec<String>,
    /// Those that a NAT gateway gives no new connection, since they are to go.
    pub draining: Vec<String>,
    /// Each with the private one that it means.
    pub public: BTreeMap<String, String>,
    pub subnet: String,
    pub route_table: String,
    pub network_acl: String,
    pub security_groups: Vec<String>,
    pub source_dest_check: bool,
}

/// Something with an id and what it says, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listed {
    pub id: String,
    pub lines: Vec<String>,
}

impl HostPlan {
    pub fn shown(&self) -> Shown {
        let fault = |fault: &super::Fault| format!("{}: {}", fault.subject, fault.reason);
        Shown { vpcs: self.vpcs.values().map(|vpc| vpc.shown()).collect(), faults: self.faults.iter().map(fault).collect() }
    }
}

impl VpcPlan {
    fn shown(&self) -> Vpc {
        Vpc {
            vpc_id: self.vpc_id.clone(),
            namespace: self.namespace.clone(),
            uplink: self.uplink.clone(),
            blocks: self.blocks.iter().map(ToString::to_string).collect(),
            resolver: self.resolver.to_string(),
            resolves: self.resolves,
            peerings: self.peerings.iter().map(|(id, peering)| Listed { id: id.clone(), lines: peering_lines(peering) }).collect(),
            interfaces: self.interfaces.values().map(Interface::of).collect(),
            route_tables: self.route_tables.iter().map(|(id, table)| Listed { id: id.clone(), lines: self.routes(table) }).collect(),
            network_acls: self.acls.iter().map(|(id, acl)| Listed { id: id.clone(), lines: acl_lines(acl) }).collect(),
            security_groups: self.groups.iter().map(|(id, group)| Listed { id: id.clone(), lines: group_lines(group) }).collect(),
        }
    }

    fn routes(&self, table: &super::RouteTable) -> Vec<String> {
        let local = self.blocks.iter().filter(|block| !table.routes.contains_key(block)).map(|block| format!("{block} local"));
        let stated = table.routes.iter().map(|(block, target)| match target {
            Target::Outside => format!("{block} internet gateway"),
            Target::Interface { id, address } => format!("{block} {id} ({address})"),
            Target::Peering(id) => match self.peerings.get(id) {
                Some(peering) => format!("{block} {id} ({})", peering.vpc_id),
                None => format!("{block} nowhere: {id} is not active"),
            },
            Target::Nowhere => format!("{block} nowhere: its target is gone"),
        });
        local.chain(stated).collect()
    }
}

impl Interface {
    fn of(interface: &super::Interface) -> Self {
        Self {
            network_interface_id: interface.network_interface_id.clone(),
            instance_id: interface.instance_id.clone(),
            tap: interface.tap.clone(),
            mac: interface.mac.to_string(),
            addresses: interface.addresses().map(|address| address.to_string()).collect(),
            draining: interface.draining.iter().map(ToString::to_string).collect(),
            public: interface.public().map(|(public, private)| (public.to_string(), private.to_string())).collect(),
            subnet: interface.subnet.to_string(),
            route_table: interface.route_table.clone(),
            network_acl: interface.acl.clone(),
            security_groups: interface.groups.clone(),
            source_dest_check: interface.source_dest_check,
        }
    }

    fn line(&self) -> String {
        let public = self.public.iter().map(|(public, private)| format!(", {private} is {public} outside")).collect::<Vec<_>>().concat();
        let check = if self.source_dest_check { "" } else { ", forwards" };
        let draining = self.draining.iter().map(|address| format!(", {address} is to go")).collect::<Vec<_>>().concat();
        format!(
            "{} of {}: {}{draining}{public}, subnet {}, {}, {}{check}; {}",
            self.network_interface_id,
            self.instance_id,
            self.addresses.join(" "),
            self.subnet,
            self.tap,
            self.mac,
            [self.route_table.as_str(), self.network_acl.as_str(), &self.security_groups.join(" ")].join(" ").trim()
        )
    }
}

impl super::Interface {
    /// How whoever is handed packets by routes sends them on.
    pub(super) fn onward(&self) -> String {
        if !self.translates {
            return "as it likes".to_owned();
        }
        let given: Vec<String> = self.given().map(|address| address.to_string()).collect();
        format!("under {}", given.join(" or "))
    }

    /// Under which other public addresses than that of its primary one a NAT gateway's connections leave.
    pub(super) fn by_turns(&self) -> String {
        let others = self.given().filter(|_| self.translates).filter_map(|address| self.other_public.get(&address));
        others.map(|public| format!(", or {public} in its turn")).collect::<Vec<_>>().concat()
    }
}

fn peering_lines(peering: &super::Peering) -> Vec<String> {
    let blocks: Vec<String> = peering.blocks.iter().map(ToString::to_string).collect();
    vec![format!("to {} {} over {}", peering.vpc_id, blocks.join(" "), peering.link)]
}

fn acl_lines(acl: &super::Acl) -> Vec<String> {
    let inbound = acl.inbound.iter().map(|entry| format!("inbound {}", entry.words_for_people("from")));
    inbound.chain(acl.outbound.iter().map(|entry| format!("outbound {}", entry.words_for_people("to")))).collect()
}

fn group_lines(group: &super::Group) -> Vec<String> {
    let ingress = group.ingress.iter().map(|rule| format!("ingress {}", rule.words("from")));
    let egress = group.egress.iter().map(|rule| format!("egress {}", rule.words("to")));
    let members = (!group.members.is_empty()).then(|| {
        let members: Vec<String> = group.members.iter().map(ToString::to_string).collect();
        format!("members {}", members.join(" "))
    });
    ingress.chain(egress).chain(members).collect()
}

impl Shown {
    /// For people.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for vpc in &self.vpcs {
            let resolver = if vpc.resolves { format!("resolver {}", vpc.resolver) } else { "no resolver".into() };
            lines.push(format!("{} {}: namespace {}, uplink {}, {resolver}", vpc.vpc_id, vpc.blocks.join(" "), vpc.namespace, vpc.uplink));
            lines.extend(vpc.interfaces.iter().map(|interface| format!("  {}", interface.line())));
            for listed in vpc.peerings.iter().chain(&vpc.route_tables).chain(&vpc.network_acls).chain(&vpc.security_groups) {
                lines.push(format!("  {}", listed.id));
                lines.extend(listed.lines.iter().map(|line| format!("    {line}")));
            }
        }
        if !self.faults.is_empty() {
            lines.push("left out:".into());
            lines.extend(self.faults.iter().map(|fault| format!("  {fault}")));
        }
        lines
    }
}
