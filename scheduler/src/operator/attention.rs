//! What of the hosts needs somebody's hand, each with what to do. Pure.

use std::collections::{BTreeMap, BTreeSet};

use freehold_proto::internal::operator as proto;

use super::written;
use crate::Settings;
use crate::hosts::SIMULATED;
use crate::instance_type::InstanceType;
use crate::lifecycle::step::State;
use crate::network::peering::with_peers_in;
use crate::placement::{Host, Request, room};
use crate::store::{Rows, fenced_host, instance};

/// A host that was given up and asked to be let in within this time is back.
const BACK_MILLIS: i64 = 10 * 60 * 1000;

/// The least that an instance's disk takes.
const SMALLEST_DISK_MIB: i64 = 1024;

/// What a host needs a hand with.
pub fn of_host(host: &proto::Host) -> Vec<String> {
    let (id, name) = (&host.host_id, named(&host.hostname, &host.host_id));
    let mut wants = Vec::new();
    if !host.connected {
        let since = host.last_seen.map(written).unwrap_or_default();
        wants.push(format!(
            "host {name} in {} is silent since {since}; its {} instances are shown impaired and may run unobserved. Start its agent there: \
             `freehold up`, or `systemctl start freehold-agent`. If it will never return: `freehold host rm {id} --lost`",
            host.availability_zone, host.instances
        ));
    }
    if !host.quarantined.is_empty() {
        wants.push(format!(
            "host {name} keeps {} guests that the store does not know, untouched, and takes nothing new: {}. If the store was restored from an old backup, a newer \
             one knows them again; otherwise `freehold host quarantine rm {id} GUEST` has the host destroy one",
            host.quarantined.len(),
            host.quarantined.join(", ")
        ));
    }
    if host.drained_since.is_some() && host.instances == 0 && host.connected {
        wants
            .push(format!("host {name} is drained and empty: stop its agent and `freehold host rm {id}`, or `freehold host undrain {id}`"));
    }
    wants
}

fn named(hostname: &str, host_id: &str) -> String {
    if hostname.is_empty() { host_id.to_owned() } else { format!("{hostname} ({host_id})") }
}

/// Zones that have hosts of which none has room for even the smallest instance that it offers.
pub fn of_zones(settings: &Settings, hosts: &[Host]) -> Vec<String> {
    let mut zones: BTreeMap<&str, (bool, Option<&InstanceType>)> = BTreeMap::new();
    for host in hosts {
        let request = |kind| Request::of_type(kind, &host.availability_zone, SMALLEST_DISK_MIB);
        let offered = settings.catalogue.iter().filter(|kind| host.offers(&request(kind), settings.overcommit).is_ok());
        let smallest = offered.min_by_key(|kind| size(kind));
        let takes = !host.drained && smallest.is_some_and(|kind| room(&request(kind), host, settings.overcommit).is_ok());
        let (zone_takes, zone_offers) = zones.entry(&host.availability_zone).or_default();
        *zone_takes |= takes;
        *zone_offers = zone_offers.iter().copied().chain(smallest).min_by_key(|kind| size(kind));
    }
    zones.into_iter().filter(|(_, (takes, _))| !takes).map(|(zone, (_, smallest))| full(zone, smallest)).collect()
}

fn size(kind: &InstanceType) -> (u64, u32) {
    (kind.memory_mib, kind.vcpus)
}

fn full(zone: &str, smallest: Option<&InstanceType>) -> String {
    match smallest {
        Some(kind) => format!(
            "zone {zone} is full: none of its hosts takes even a {}. Add a host, undrain or bring back one, terminate instances, or promise \
             more in [scheduler.overcommit]",
            kind.name
        ),
        None => format!(
            "zone {zone} takes nothing: none of its hosts offers an instance type that would fit on it. Look at agent.instance_types, \
             agent.drivers and agent.capacity there, or add a host"
        ),
    }
}

/// Hosts whose guests are cut off from others of their VPC and its peers, since they take no packets of other hosts.
pub fn of_lone(rows: &Rows) -> Vec<String> {
    let mut hosts_of: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let sends = |row: &instance::Model| row.state != State::Terminated.as_str() && row.driver != SIMULATED;
    for row in rows.instances.each().filter(|row| sends(row)) {
        hosts_of.entry(&row.vpc_id).or_default().extend(row.host_id.as_deref());
    }
    let mut lone: BTreeMap<&str, &str> = BTreeMap::new();
    for (vpc_id, hosts) in &hosts_of {
        let others = with_peers_in(rows, BTreeSet::from([(*vpc_id).to_owned()]));
        let elsewhere = |id: &str| others.iter().filter_map(|vpc_id| hosts_of.get(vpc_id.as_str())).flatten().any(|other| *other != id);
        let alone = |id: &str| rows.hosts.one(id).is_some_and(|row| row.tunnel_address.is_empty());
        lone.extend(hosts.iter().filter(|id| alone(id) && elsewhere(id)).map(|id| (*id, *vpc_id)));
    }
    let sentence = |(host_id, vpc_id): (&str, &str)| {
        let hostname = rows.hosts.one(host_id).map(|row| row.hostname.as_str()).unwrap_or_default();
        format!(
            "host {} takes no packets of other hosts, so its guests in {vpc_id} do not reach those elsewhere. Set agent.network.tunnel_address \
             on it to an address that the others reach, and start its agent again",
            named(hostname, host_id)
        )
    };
    lone.into_iter().map(sentence).collect()
}

/// Hosts that were given up and are back.
pub fn of_fenced(fenced: &[fenced_host::Model], now: i64) -> Vec<String> {
    let back = fenced.iter().filter(|row| row.knocked.is_some_and(|knocked| now - knocked < BACK_MILLIS));
    let sentence = |row: &fenced_host::Model| {
        format!(
            "host {}, given up as lost, is back and is not let in; its guests run on, unobserved. On it: `freehold down --guests`, remove its \
             agent's state folder, start the agent again",
            named(&row.hostname, &row.host_id)
        )
    };
    back.map(sentence).collect()
}
