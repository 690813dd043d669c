//! A VPC's network ACLs, as far as they matter on this host.
//!
//! ```text
//!  tap or ext0 ──▶ border: within one subnet? ──yes──▶ leave, arrive (groups)
//!                     └──no──▶ outbound rules of the subnet it leaves ──▶ inbound rules of the one it enters ──▶ leave, arrive
//! ```
//!
//! Stateless: each packet is asked about by itself. What the host itself answers (DHCP, DNS, metadata) is not forwarded and passes no border.

use freehold_proto::internal::host::{NetworkAclEntryDesired, RuleDesired, VpcDesired};
use ipnet::Ipv4Net;

use super::filter::tap;
use super::rules::Traffic;
use super::ruleset::Table;
use super::{Fault, Interface, VpcPlan, elsewhere};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Acl {
    pub inbound: Vec<Entry>,
    pub outbound: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub number: u32,
    pub allow: bool,
    pub block: Ipv4Net,
    pub traffic: Traffic,
}

impl Acl {
    /// The ACL `id` of `vpc`. A rule that makes no sense denies everything from its number on, as nobody knows what it was to deny.
    pub fn new(vpc: &VpcDesired, id: &str, faults: &mut Vec<Fault>) -> Result<Self, String> {
        let stated = vpc.network_acls.iter().find(|acl| acl.network_acl_id == id);
        let stated = stated.ok_or_else(|| format!("its subnet's network ACL {id} is not known yet"))?;
        let mut entries: Vec<&NetworkAclEntryDesired> = stated.entries.iter().collect();
        entries.sort_by_key(|entry| entry.rule_number);
        let mut side = |egress: bool| {
            let mut understood = Vec::new();
            for stated in entries.iter().filter(|entry| entry.egress == egress) {
                match Entry::parse(stated) {
                    Ok(entry) => understood.extend(entry),
                    Err(reason) => {
                        faults.push(Fault { subject: id.to_owned(), reason });
                        break;
                    }
                }
            }
            understood
        };
        Ok(Self { inbound: side(false), outbound: side(true) })
    }
}

impl Entry {
    /// `None`: no IPv4 packet ever matches it.
    fn parse(stated: &NetworkAclEntryDesired) -> Result<Option<Self>, String> {
        let (ip_protocol, from_port, to_port) = (stated.protocol.clone(), stated.from_port, stated.to_port);
        let Some(traffic) = Traffic::parse(&RuleDesired { ip_protocol, from_port, to_port, ..RuleDesired::default() })? else {
            return Ok(None);
        };
        let block: Ipv4Net = stated.cidr_block.parse().map_err(|_| format!("{:?} is not a CIDR block", stated.cidr_block))?;
        Ok(Some(Self { number: stated.rule_number, allow: stated.allow, block: block.trunc(), traffic }))
    }

    fn lets_all_pass(&self) -> bool {
        self.allow && self.block.prefix_len() == 0 && self.traffic == Traffic::Any
    }

    fn words(&self, side: &str) -> String {
        let block = if self.block.prefix_len() == 0 { String::new() } else { format!("ip {side} {} ", self.block) };
        // What may pass goes on to the next question.
        format!("{block}{}{}", self.traffic, if self.allow { "return" } else { "drop" })
    }
}

/// Whether anything is stopped at all.
fn is_open(entries: &[Entry]) -> bool {
    entries.first().is_some_and(Entry::lets_all_pass)
}

/// The chain of the borders and what it needs: nothing where all is open, so that a packet's path is as short as without ACLs.
pub fn borders(table: &mut Table, vpc: &VpcPlan) {
    for (id, acl) in &vpc.acls {
        for (entries, direction, side) in [(&acl.outbound, "out", "daddr"), (&acl.inbound, "in", "saddr")] {
            if !is_open(entries) {
                let lines = entries.iter().map(|entry| entry.words(side));
                table.chain(&format!("{id}_{direction}"), lines.chain(["drop".to_owned()]));
            }
        }
    }
    let guarded = |direction: &'static str| {
        let of = move |acl: &'_ Acl| if direction == "out" { !is_open(&acl.outbound) } else { !is_open(&acl.inbound) };
        let verdict = move |i: &Interface| (tap(i), format!("jump {}_{direction}", i.acl));
        vpc.interfaces.values().filter(move |i| vpc.acls.get(&i.acl).is_some_and(of)).map(verdict).collect::<Vec<_>>()
    };
    let (outbound, inbound) = (guarded("out"), guarded("in"));
    if outbound.is_empty() && inbound.is_empty() {
        return;
    }
    // A subnet's number is its first address, which no other subnet of the VPC has.
    let number = |i: &Interface| format!("{:#010x}", u32::from(i.subnet.network()));
    table.map("subnet_of", "ifname : mark", vpc.interfaces.values().map(|i| (tap(i), number(i))));
    table.set("inside", "ifname . mark", vpc.interfaces.values().map(|i| format!("{} . {}", tap(i), number(i))));
    table.map("exits", "ifname : verdict", outbound);
    table.map("entrances", "ifname : verdict", inbound);
    let mut lines = vec!["meta mark set 0".to_owned(), "meta mark set iifname map @subnet_of".to_owned()];
    lines.extend(elsewhere::border(table, vpc));
    lines.extend(["oifname . meta mark @inside accept", "iifname vmap @exits", "oifname vmap @entrances"].map(str::to_owned));
    table.base("border", "filter hook forward priority filter - 10; policy accept;", lines);
}
