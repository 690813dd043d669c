//! What of the hosts needs somebody's hand, each with what to do. Pure.

use std::collections::BTreeMap;

use freehold_proto::internal::operator as proto;

use super::written;
use crate::Settings;
use crate::placement::{Amount, Host, Request, room};
use crate::store::fenced_host;

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

/// Zones that have hosts and no room for even the smallest instance.
pub fn of_zones(settings: &Settings, hosts: &[Host]) -> Vec<String> {
    let Some(smallest) = settings.catalogue.iter().min_by_key(|kind| (kind.memory_mib, kind.vcpus)) else { return Vec::new() };
    let amount = Amount {
        vcpus: smallest.vcpus.into(),
        memory_mib: i64::try_from(smallest.memory_mib).unwrap_or(i64::MAX),
        disk_mib: SMALLEST_DISK_MIB,
    };
    let mut zones: BTreeMap<&str, bool> = BTreeMap::new();
    for host in hosts {
        let request = Request { availability_zone: &host.availability_zone, architecture: smallest.architecture(), amount };
        let takes = !host.drained && room(&request, host, settings.overcommit).is_ok();
        *zones.entry(&host.availability_zone).or_default() |= takes;
    }
    let full = zones.into_iter().filter(|(_, takes)| !takes);
    let sentence = |zone| {
        format!(
            "zone {zone} is full: none of its hosts takes even a {}. Add a host, undrain or bring back one, terminate instances, or promise \
             more in [scheduler.overcommit]",
            smallest.name
        )
    };
    full.map(|(zone, _)| sentence(zone)).collect()
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
