//! Interfaces on other hosts, as a host is told of them.
//!
//! All of a VPC's once, when the host is told of the VPC, and then each when it is no longer what was said of it. That is looked up in the
//! World, so a change that does not concern the host costs a few lookups there and no trip to the database; one that does, one small message.

mod public;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use freehold_proto::internal::host::{InterfaceElsewhere, PublicAddress, PublicAddressElsewhere, TranslatedBlock};
use prost::Message;

use super::desired::meaning;
use crate::lifecycle::step::State;
use crate::network::attachment::DETACHING;
use crate::network::nat::state::STANDING;
use crate::store::{Kind, Rows};

/// What one session has said.
pub struct Said {
    /// Whom it was said to.
    host_id: String,
    /// The host takes no packets of others, so there is nothing to say to it.
    alone: bool,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    /// Of each VPC that the host was told of, a digest of what was said of each interface.
    vpcs: BTreeMap<String, BTreeMap<String, u64>>,
    /// Other hosts' tunnel addresses, as far as they were looked at.
    hosts: BTreeMap<String, String>,
    /// What was said of public addresses.
    public: public::Memory,
    /// The blocks of those that nobody beyond the hosts knows.
    translated: BTreeSet<String>,
}

impl Said {
    pub fn nothing(host_id: &str, alone: bool) -> Self {
        Self { host_id: host_id.to_owned(), alone, memory: Mutex::default() }
    }

    /// Whether the host was told of the VPC.
    pub fn knows(&self, vpc_id: &str) -> bool {
        self.memory().vpcs.contains_key(vpc_id)
    }

    /// The host buries the VPC, and forgets with it what it knows of others in it.
    pub fn forget(&self, vpc_id: &str) {
        self.memory().vpcs.remove(vpc_id);
    }

    /// What the host has to be told of a VPC that it knows from now on.
    pub fn of_vpc(&self, rows: &Rows, vpc_id: &str) -> Vec<InterfaceElsewhere> {
        let mut memory = self.memory();
        let said = memory.vpcs.entry(vpc_id.to_owned()).or_default();
        let mut ids: BTreeSet<String> = said.keys().cloned().collect();
        if !self.alone {
            ids.extend(rows.network_interfaces.of(vpc_id, None).map(str::to_owned));
        }
        self.news(&mut memory, rows, &ids)
    }

    /// What follows for the host from these changes.
    pub fn of_changes(&self, rows: &Rows, changes: &BTreeSet<(Kind, String)>) -> Vec<InterfaceElsewhere> {
        if self.alone {
            return Vec::new();
        }
        let mut memory = self.memory();
        let mut ids = BTreeSet::new();
        for (kind, id) in changes {
            match kind {
                Kind::Interface => _ = ids.insert(id.clone()),
                Kind::NatGateway => ids.extend(rows.nat_gateways.one(id).map(|row| row.network_interface_id.clone())),
                Kind::InstanceObserved => ids.extend(rows.network_interface_attachments.of(id, None).map(str::to_owned)),
                Kind::Host => ids.extend(memory.moved(rows, id)),
                _ => {}
            }
        }
        self.news(&mut memory, rows, &ids)
    }

    /// Every public address on another host, as far as it was not said.
    pub fn public(&self, rows: &Rows) -> Vec<PublicAddressElsewhere> {
        if self.alone { Vec::new() } else { self.memory().public.all(rows, &self.host_id) }
    }

    /// What of them follows for the host from these changes.
    pub fn public_of_changes(&self, rows: &Rows, changes: &BTreeSet<(Kind, String)>) -> Vec<PublicAddressElsewhere> {
        if self.alone { Vec::new() } else { self.memory().public.of_changes(rows, &self.host_id, changes) }
    }

    /// What follows for the host from these blocks being the ones whose addresses nobody beyond the hosts knows.
    pub fn translated(&self, now: BTreeSet<String>) -> Vec<TranslatedBlock> {
        let mut memory = self.memory();
        let before = std::mem::replace(&mut memory.translated, now);
        let gone = before.difference(&memory.translated).map(|block| (block, true));
        let come = memory.translated.difference(&before).map(|block| (block, false));
        gone.chain(come).map(|(block, withdrawn)| TranslatedBlock { cidr_block: block.clone(), withdrawn }).collect()
    }

    /// Those that are not what was said of them. Of an address that goes from one to another the one that loses it comes first.
    fn news(&self, memory: &mut Memory, rows: &Rows, ids: &BTreeSet<String>) -> Vec<InterfaceElsewhere> {
        let news = ids.iter().filter_map(|id| memory.news(id, self.elsewhere(rows, id)));
        let (mut gone, there): (Vec<_>, Vec<_>) = news.partition(|interface| interface.tunnel_address.is_empty());
        gone.extend(there);
        gone
    }

    /// An interface that is on another host, one that takes packets for it.
    fn elsewhere(&self, rows: &Rows, id: &str) -> Option<InterfaceElsewhere> {
        let interface = rows.network_interfaces.one(id)?;
        let host = rows.hosts.one(place(rows, id)?)?;
        if host.host_id == self.host_id || host.tunnel_address.is_empty() {
            return None;
        }
        Some(InterfaceElsewhere {
            network_interface_id: interface.network_interface_id.clone(),
            vpc_id: interface.vpc_id.clone(),
            subnet_id: interface.subnet_id.clone(),
            tunnel_address: host.tunnel_address.clone(),
            private_ip_addresses: rows.private_addresses.get(id).iter().map(|row| row.address.clone()).collect(),
            security_group_ids: rows.interface_security_groups.get(id).iter().map(|row| row.group_id.clone()).collect(),
            source_dest_check: interface.source_dest_check,
            public_ip_addresses: public_addresses(rows, id),
        })
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn public_addresses(rows: &Rows, id: &str) -> Vec<PublicAddress> {
    rows.public_addresses.get(id).iter().map(|row| meaning(row)).collect()
}

/// The host of what an interface is of: an instance or a NAT gateway.
fn place<'a>(rows: &'a Rows, id: &str) -> Option<&'a str> {
    if let Some(gateway) = rows.nat_gateways.of(id, None).find_map(|gateway| rows.nat_gateways.one(gateway)) {
        return gateway.host_id.as_deref().filter(|_| STANDING.contains(&gateway.state.as_str()));
    }
    // What a guest is to let go of has no packets any more.
    let attachment = rows.network_interface_attachments.one(id).filter(|row| row.status != DETACHING)?;
    let instance = rows.instances.one(&attachment.instance_id).filter(|row| row.state != State::Terminated.as_str())?;
    instance.host_id.as_deref()
}

impl Memory {
    /// What is to be said of an interface that is so `now`, if that was not said already.
    fn news(&mut self, id: &str, now: Option<InterfaceElsewhere>) -> Option<InterfaceElsewhere> {
        let Some(now) = now else {
            let said = self.vpcs.values_mut().any(|said| said.remove(id).is_some());
            return said.then(|| InterfaceElsewhere { network_interface_id: id.to_owned(), ..InterfaceElsewhere::default() });
        };
        let said = self.vpcs.get_mut(&now.vpc_id)?;
        let mut digest = DefaultHasher::new();
        digest.write(&now.encode_to_vec());
        let digest = digest.finish();
        (said.insert(id.to_owned(), digest) != Some(digest)).then_some(now)
    }

    /// The interfaces on a host whose tunnel address is another than it was. A host's row changes often, and that hardly ever.
    fn moved(&mut self, rows: &Rows, host_id: &str) -> Vec<String> {
        let now = rows.hosts.one(host_id).map(|row| row.tunnel_address.clone()).unwrap_or_default();
        let before = self.hosts.entry(host_id.to_owned()).or_default();
        if *before == now {
            return Vec::new();
        }
        *before = now;
        let instances = rows.instances.of(host_id, None).filter(|id| {
            let vpc_id = rows.instances.one(id).map(|row| row.vpc_id.as_str());
            vpc_id.is_some_and(|vpc_id| self.vpcs.contains_key(vpc_id))
        });
        let of_instances = instances.flat_map(|id| rows.network_interface_attachments.of(id, None)).map(str::to_owned);
        let gateways = rows.nat_gateways.of(host_id, None).filter_map(|id| rows.nat_gateways.one(id));
        of_instances.chain(gateways.map(|row| row.network_interface_id.clone())).collect()
    }
}

#[cfg(test)]
mod tests;
