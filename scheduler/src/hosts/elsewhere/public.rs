//! Public addresses on other hosts, of whatever VPC, and the hosts themselves: what a host has to know so that packets to them go from host to
//! host. All once, then each that is no longer where it was said to be.

use std::collections::{BTreeMap, BTreeSet};

use freehold_proto::internal::host::PublicAddressElsewhere;

use super::{place, public_addresses};
use crate::store::{Kind, Rows};

/// What was said to one host.
#[derive(Default)]
pub(super) struct Memory {
    /// Of each interface with public addresses on another host.
    interfaces: BTreeMap<String, There>,
    /// Which of these has an address. One that has lost it since may be heard of later than the one that got it.
    owners: BTreeMap<String, String>,
    /// Other hosts' tunnel addresses.
    hosts: BTreeMap<String, String>,
}

#[derive(Clone, Default, PartialEq, Eq)]
struct There {
    tunnel_address: String,
    addresses: BTreeSet<String>,
}

type News = BTreeMap<String, String>;

impl Memory {
    /// All that there is to say, and was not said.
    pub(super) fn all(&mut self, rows: &Rows, host_id: &str) -> Vec<PublicAddressElsewhere> {
        let mut news = News::new();
        let hosts: BTreeSet<String> = rows.hosts.values().map(|row| row.host_id.clone()).chain(self.hosts.keys().cloned()).collect();
        for id in &hosts {
            self.look_at_host(rows, host_id, id, &mut news);
        }
        let with_one = rows.public_addresses.values().map(|row| row.network_interface_id.clone());
        let interfaces: BTreeSet<String> = with_one.chain(self.interfaces.keys().cloned()).collect();
        for id in &interfaces {
            self.look_at(rows, host_id, id, &mut news);
        }
        stated(news)
    }

    /// What follows from these changes.
    pub(super) fn of_changes(&mut self, rows: &Rows, host_id: &str, changes: &BTreeSet<(Kind, String)>) -> Vec<PublicAddressElsewhere> {
        let (mut news, mut interfaces) = (News::new(), BTreeSet::new());
        for (kind, id) in changes {
            match kind {
                Kind::Interface => _ = interfaces.insert(id.clone()),
                Kind::NatGateway => interfaces.extend(rows.nat_gateways.one(id).map(|row| row.network_interface_id.clone())),
                Kind::Instance | Kind::InstanceObserved => {
                    interfaces.extend(rows.network_interface_attachments.of(id, None).map(str::to_owned));
                }
                Kind::Host if self.look_at_host(rows, host_id, id, &mut news) => interfaces.extend(on_host(rows, id)),
                _ => {}
            }
        }
        for id in &interfaces {
            self.look_at(rows, host_id, id, &mut news);
        }
        stated(news)
    }

    /// A host's own address; whether it is another than it was. A host's row changes often, and that hardly ever.
    fn look_at_host(&mut self, rows: &Rows, own: &str, id: &str, news: &mut News) -> bool {
        let row = rows.hosts.one(id).filter(|row| row.host_id != own);
        let now = row.map(|row| row.tunnel_address.clone()).unwrap_or_default();
        let before = self.hosts.get(id).cloned().unwrap_or_default();
        if now == before {
            return false;
        }
        if now.is_empty() {
            self.hosts.remove(id)
        } else {
            self.hosts.insert(id.to_owned(), now.clone())
        };
        // Another host may have it by now.
        if !before.is_empty() && !self.hosts.values().any(|address| *address == before) {
            news.insert(before, String::new());
        }
        if !now.is_empty() {
            news.insert(now.clone(), now);
        }
        true
    }

    fn look_at(&mut self, rows: &Rows, own: &str, id: &str, news: &mut News) {
        let now = there(rows, own, id).unwrap_or_default();
        let before = self.interfaces.get(id).cloned().unwrap_or_default();
        if now == before {
            return;
        }
        for address in before.addresses.difference(&now.addresses) {
            if self.owners.get(address).is_some_and(|owner| owner == id) {
                self.owners.remove(address);
                news.insert(address.clone(), String::new());
            }
        }
        for address in &now.addresses {
            let owner = self.owners.insert(address.clone(), id.to_owned());
            let at = owner.and_then(|owner| self.interfaces.get(&owner)).map(|there| there.tunnel_address.as_str());
            if at != Some(now.tunnel_address.as_str()) || news.contains_key(address) {
                news.insert(address.clone(), now.tunnel_address.clone());
            }
        }
        if now.addresses.is_empty() {
            self.interfaces.remove(id)
        } else {
            self.interfaces.insert(id.to_owned(), now)
        };
    }
}

/// Where an interface's public addresses are, if that is on another host, one that takes packets for them.
fn there(rows: &Rows, own: &str, id: &str) -> Option<There> {
    let addresses: BTreeSet<String> = public_addresses(rows, id).into_iter().map(|public| public.public_ip_address).collect();
    if addresses.is_empty() {
        return None;
    }
    let host = rows.hosts.one(place(rows, id)?)?;
    let elsewhere = host.host_id != own && !host.tunnel_address.is_empty();
    elsewhere.then(|| There { tunnel_address: host.tunnel_address.clone(), addresses })
}

fn on_host(rows: &Rows, host_id: &str) -> Vec<String> {
    let of_instances = rows.instances.of(host_id, None).flat_map(|id| rows.network_interface_attachments.of(id, None)).map(str::to_owned);
    let gateways = rows.nat_gateways.of(host_id, None).filter_map(|id| rows.nat_gateways.one(id));
    of_instances.chain(gateways.map(|row| row.network_interface_id.clone())).collect()
}

/// What is gone comes first: a host's address may become another's.
fn stated(news: News) -> Vec<PublicAddressElsewhere> {
    let (mut gone, there): (Vec<_>, Vec<_>) = news
        .into_iter()
        .map(|(public_ip_address, tunnel_address)| PublicAddressElsewhere { public_ip_address, tunnel_address })
        .partition(|one| one.tunnel_address.is_empty());
    gone.extend(there);
    gone
}
