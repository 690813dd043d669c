//! Which hosts instances go to. Pure: the same request and hosts give the same decision, with a reason for every host.
//!
//! Spread: of the hosts that can take it, the one with the fewest instances; then the one with the most memory that nobody has; then by
//! id. The instances of one request are placed one after another, each counted in before the next.
//!
//! [`group`] keeps what placement groups promise; [`hosts`] reads the rows, of many hosts only those that can be chosen; [`reasons`] keeps what was decided and what was refused.

pub mod group;
pub mod hosts;
pub mod reasons;
#[cfg(test)]
mod sums;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::fmt;

use crate::Overcommit;
use crate::hosts::Driver;
use crate::instance_type::InstanceType;

/// What an instance takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    pub vcpus: i64,
    pub memory_mib: i64,
    pub disk_mib: i64,
}

/// What is to be placed.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub availability_zone: &'a str,
    pub architecture: &'a str,
    pub instance_type: &'a str,
    pub amount: Amount,
}

impl<'a> Request<'a> {
    /// One of a type, with the cores that it has.
    pub fn of_type(kind: &'a InstanceType, availability_zone: &'a str, disk_mib: i64) -> Self {
        let memory_mib = i64::try_from(kind.memory_mib).unwrap_or(i64::MAX);
        let amount = Amount { vcpus: kind.vcpus.into(), memory_mib, disk_mib };
        Self { availability_zone, architecture: kind.architecture(), instance_type: &kind.name, amount }
    }
}

/// A host as placement sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    pub host_id: String,
    pub availability_zone: String,
    pub connected: bool,
    pub drained: bool,
    /// It keeps guests that the store does not know. What they take is in no row.
    pub quarantines: bool,
    /// In the host's own order of preference.
    pub drivers: Vec<Driver>,
    /// The instance types that it was configured to offer; none: all that its drivers can run.
    pub instance_types: Option<Vec<String>>,
    /// As the host reported it.
    pub capacity: Amount,
    pub used: Amount,
    pub instances: i64,
}

/// Less is better.
pub type Rank = (i64, i64);

impl Host {
    /// Counts an instance in that is about to be placed here.
    pub fn take(&mut self, amount: Amount) {
        self.used.vcpus += amount.vcpus;
        self.used.memory_mib += amount.memory_mib;
        self.used.disk_mib += amount.disk_mib;
        self.instances += 1;
    }

    /// What the hosts that can take an instance are ordered by, before their ids. The index `host_by_room` has the same order.
    pub fn rank(&self) -> Rank {
        (self.instances, self.used.memory_mib - self.capacity.memory_mib)
    }

    /// The driver by which it offers what is asked for, whatever it holds now and whether or not it is connected: it is made for the
    /// architecture, its operator has it offer the type, and one would fit were it empty.
    pub fn offers(&self, request: &Request<'_>, overcommit: Overcommit) -> Result<&Driver, Refusal> {
        let driver = self.drivers.iter().find(|driver| driver.architecture == request.architecture).ok_or(Refusal::NoDriver)?;
        if self.instance_types.as_ref().is_some_and(|offered| !offered.iter().any(|name| name == request.instance_type)) {
            return Err(Refusal::NotOffered);
        }
        let Amount { vcpus, memory_mib, .. } = self.capacity;
        for (of, wanted, has) in [
            ("vCPUs", request.amount.vcpus, promised(vcpus, overcommit.vcpus)),
            ("MiB of memory", request.amount.memory_mib, promised(memory_mib, overcommit.memory)),
        ] {
            if wanted > has {
                return Err(Refusal::TooSmall { of, wanted, has });
            }
        }
        Ok(driver)
    }
}

/// Why a host does not take it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    OtherZone,
    NotConnected,
    Drained,
    Quarantines,
    NoDriver,
    NotOffered,
    TooSmall {
        of: &'static str,
        wanted: i64,
        has: i64,
    },
    Full {
        of: &'static str,
        wanted: i64,
        free: i64,
    },
    /// What the instance's placement group is against.
    ClusterElsewhere,
    Spread,
    OtherPartition,
}

impl Refusal {
    /// It is what the host is made for that is against it, not what is on it now.
    pub fn lasts(&self) -> bool {
        match self {
            Self::NoDriver | Self::NotOffered | Self::TooSmall { .. } => true,
            Self::OtherZone
            | Self::NotConnected
            | Self::Drained
            | Self::Quarantines
            | Self::Full { .. }
            | Self::ClusterElsewhere
            | Self::Spread
            | Self::OtherPartition => false,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherZone => formatter.write_str("is in another availability zone"),
            Self::NotConnected => formatter.write_str("is not connected"),
            Self::Drained => formatter.write_str("is drained and takes nothing new"),
            Self::Quarantines => formatter.write_str("keeps guests that the store does not know and takes nothing new"),
            Self::NoDriver => formatter.write_str("has no driver for the architecture"),
            Self::ClusterElsewhere => formatter.write_str("is not in the availability zone of the cluster placement group"),
            Self::Spread => formatter.write_str("has an instance of the spread placement group already"),
            Self::OtherPartition => formatter.write_str("has instances of another partition of the placement group"),
            Self::NotOffered => formatter.write_str("is not configured to offer the instance type"),
            Self::TooSmall { of, wanted, has } => write!(formatter, "has {has} {of} in all and {wanted} are wanted"),
            Self::Full { of, wanted, free } => write!(formatter, "has {free} {of} free and {wanted} are wanted"),
        }
    }
}

/// The host of one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    pub host_id: String,
    pub driver: String,
    pub reason: String,
    /// Of a partition placement group.
    pub partition: Option<i32>,
}

/// Why a host was not chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Passed {
    Refused(Refusal),
    /// It could have taken it.
    Over {
        instances: i64,
        memory_mib: i64,
    },
}

impl fmt::Display for Passed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(formatter),
            Self::Over { instances, memory_mib } => {
                write!(formatter, "could take it and comes later: {instances} instances, {memory_mib} MiB of memory free")
            }
        }
    }
}

/// The outcome: a host per instance, fewer than wanted where there was no room; and why the other hosts not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub chosen: Vec<Chosen>,
    /// Hosts on which nothing was placed, and hosts that can take no more.
    pub passed: BTreeMap<String, Passed>,
}

impl Decision {
    /// The sentence of a host that refused.
    pub fn refusal(&self, host_id: &str) -> Option<&Refusal> {
        match self.passed.get(host_id)? {
            Passed::Refused(refusal) => Some(refusal),
            Passed::Over { .. } => None,
        }
    }
}

/// Places up to `count` instances. `hosts` in any order.
pub fn place(request: &Request<'_>, hosts: &[Host], overcommit: Overcommit, count: usize) -> Decision {
    let mut passed = BTreeMap::new();
    let mut waiting = BinaryHeap::new();
    for (at, host) in hosts.iter().enumerate() {
        match able(request, host, overcommit) {
            Ok(_) => waiting.push(Reverse((host.rank(), &host.host_id, at))),
            Err(refusal) => _ = passed.insert(host.host_id.clone(), Passed::Refused(refusal)),
        }
    }
    let mut taking: BTreeMap<usize, Host> = BTreeMap::new();
    let mut placed = Vec::new();
    while placed.len() < count {
        let Some(Reverse((_, id, at))) = waiting.pop() else { break };
        let host = taking.entry(at).or_insert_with(|| hosts[at].clone());
        let Ok((driver, left)) = able(request, host, overcommit) else { continue };
        placed.push(chosen(host, driver, left));
        host.take(request.amount);
        match able(request, host, overcommit) {
            Ok(_) => waiting.push(Reverse((host.rank(), id, at))),
            Err(refusal) => _ = passed.insert(host.host_id.clone(), Passed::Refused(refusal)),
        }
    }
    for Reverse((_, _, at)) in waiting.into_iter().filter(|Reverse((_, _, at))| !taking.contains_key(at)) {
        passed.insert(hosts[at].host_id.clone(), over(&hosts[at], overcommit));
    }
    Decision { chosen: placed, passed }
}

fn chosen(host: &Host, driver: &Driver, left: Amount) -> Chosen {
    Chosen { host_id: host.host_id.clone(), driver: driver.name.clone(), reason: reason(host, left), partition: None }
}

fn over(host: &Host, overcommit: Overcommit) -> Passed {
    let memory_mib = free("", host.capacity.memory_mib, overcommit.memory, host.used.memory_mib, 0).unwrap_or_default();
    Passed::Over { instances: host.instances, memory_mib }
}

/// Says nothing of how many others could: of many hosts only the best are looked at.
fn reason(host: &Host, left: Amount) -> String {
    format!(
        "of the hosts that could take it, it held the fewest instances ({}) and, among those, had the most memory: {} MiB are left with this one",
        host.instances, left.memory_mib
    )
}

/// What a host would have left, and the driver it would take.
fn able<'a>(request: &Request<'_>, host: &'a Host, overcommit: Overcommit) -> Result<(&'a Driver, Amount), Refusal> {
    if host.availability_zone != request.availability_zone {
        return Err(Refusal::OtherZone);
    }
    if !host.connected {
        return Err(Refusal::NotConnected);
    }
    if host.drained {
        return Err(Refusal::Drained);
    }
    if host.quarantines {
        return Err(Refusal::Quarantines);
    }
    room(request, host, overcommit)
}

/// Whether a host that has the instance already can run it: what is drained or keeps unknown guests takes nothing new, and this is not new.
pub fn room<'a>(request: &Request<'_>, host: &'a Host, overcommit: Overcommit) -> Result<(&'a Driver, Amount), Refusal> {
    if !host.connected {
        return Err(Refusal::NotConnected);
    }
    let driver = host.offers(request, overcommit)?;
    let (wanted, capacity, used) = (request.amount, host.capacity, host.used);
    let left = Amount {
        vcpus: free("vCPUs", capacity.vcpus, overcommit.vcpus, used.vcpus, wanted.vcpus)?,
        memory_mib: free("MiB of memory", capacity.memory_mib, overcommit.memory, used.memory_mib, wanted.memory_mib)?,
        disk_mib: free("MiB of disk", capacity.disk_mib, overcommit.disk, used.disk_mib, wanted.disk_mib)?,
    };
    Ok((driver, left))
}

/// What is left of one kind once `wanted` is taken. What is promised already may be more than there is now: then nothing more is taken.
fn free(of: &'static str, capacity: i64, factor: f64, used: i64, wanted: i64) -> Result<i64, Refusal> {
    let free = promised(capacity, factor) - used;
    if wanted > free && wanted > 0 { Err(Refusal::Full { of, wanted, free: free.max(0) }) } else { Ok(free - wanted) }
}

/// Capacity times its overcommit factor, rounded down.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "capacities are far below 2^52 and the factor is bounded")]
pub fn promised(capacity: i64, factor: f64) -> i64 {
    (capacity as f64 * factor).floor() as i64
}
