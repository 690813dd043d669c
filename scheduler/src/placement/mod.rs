//! Which host an instance goes to. Pure: the same request and hosts give the same decision, with a reason for every host.
//!
//! Spread: of the hosts that can take it, the one with the fewest instances; then the one with the most memory left; then by id.

pub mod hosts;

use std::fmt;

use crate::Overcommit;
use crate::hosts::Driver;

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
    pub amount: Amount,
}

/// A host as placement sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    pub host_id: String,
    pub availability_zone: String,
    pub connected: bool,
    /// In the host's own order of preference.
    pub drivers: Vec<Driver>,
    /// As the host reported it.
    pub capacity: Amount,
    pub used: Amount,
    pub instances: i64,
}

impl Host {
    /// Counts an instance in that is about to be placed here.
    pub fn take(&mut self, amount: Amount) {
        self.used.vcpus += amount.vcpus;
        self.used.memory_mib += amount.memory_mib;
        self.used.disk_mib += amount.disk_mib;
        self.instances += 1;
    }
}

/// Why a host does not take it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    OtherZone,
    NotConnected,
    NoDriver,
    Full { of: &'static str, wanted: i64, free: i64 },
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherZone => formatter.write_str("is in another availability zone"),
            Self::NotConnected => formatter.write_str("is not connected"),
            Self::NoDriver => formatter.write_str("has no driver for the architecture"),
            Self::Full { of, wanted, free } => write!(formatter, "has {free} of {of} free and {wanted} are wanted"),
        }
    }
}

/// The host chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    pub host_id: String,
    pub driver: String,
    pub reason: String,
}

/// The outcome: a host, or nobody; and why the others not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub chosen: Option<Chosen>,
    /// By host id.
    pub refused: Vec<(String, Refusal)>,
}

/// Decides. `hosts` in any order.
pub fn place(request: &Request<'_>, hosts: &[Host], overcommit: Overcommit) -> Decision {
    let mut able: Vec<(&Host, &Driver, Amount)> = Vec::new();
    let mut refused = Vec::new();
    for host in hosts {
        match judge(request, host, overcommit) {
            Ok((driver, free)) => able.push((host, driver, free)),
            Err(refusal) => refused.push((host.host_id.clone(), refusal)),
        }
    }
    refused.sort_by(|a, b| a.0.cmp(&b.0));
    let best = able.iter().min_by_key(|(host, _, free)| (host.instances, -free.memory_mib, &host.host_id));
    let chosen = best.map(|(host, driver, free)| Chosen {
        host_id: host.host_id.clone(),
        driver: driver.name.clone(),
        reason: format!(
            "of {} able hosts it holds the fewest instances ({}), with {} MiB of memory left",
            able.len(),
            host.instances,
            free.memory_mib
        ),
    });
    Decision { chosen, refused }
}

/// What a host would have left, and the driver it would take.
fn judge<'a>(request: &Request<'_>, host: &'a Host, overcommit: Overcommit) -> Result<(&'a Driver, Amount), Refusal> {
    if host.availability_zone != request.availability_zone {
        return Err(Refusal::OtherZone);
    }
    if !host.connected {
        return Err(Refusal::NotConnected);
    }
    let driver = host.drivers.iter().find(|driver| driver.architecture == request.architecture).ok_or(Refusal::NoDriver)?;
    let left = |of, capacity, factor, used, wanted| {
        let free = promised(capacity, factor) - used;
        if wanted > free { Err(Refusal::Full { of, wanted, free: free.max(0) }) } else { Ok(free - wanted) }
    };
    let Amount { vcpus, memory_mib, disk_mib } = request.amount;
    let free = Amount {
        vcpus: left("vCPUs", host.capacity.vcpus, overcommit.vcpus, host.used.vcpus, vcpus)?,
        memory_mib: left("MiB of memory", host.capacity.memory_mib, overcommit.memory, host.used.memory_mib, memory_mib)?,
        disk_mib: left("MiB of disk", host.capacity.disk_mib, overcommit.disk, host.used.disk_mib, disk_mib)?,
    };
    Ok((driver, free))
}

/// Capacity times its overcommit factor, rounded down.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "capacities are far below 2^52 and the factor is bounded")]
fn promised(capacity: i64, factor: f64) -> i64 {
    (capacity as f64 * factor).floor() as i64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ONE: Amount = Amount { vcpus: 2, memory_mib: 1024, disk_mib: 8192 };
    const EXACT: Overcommit = Overcommit { vcpus: 1.0, memory: 1.0, disk: 1.0 };

    fn host(id: &str, instances: i64) -> Host {
        let qemu = Driver { name: "qemu".into(), accelerator: "tcg".into(), architecture: "x86_64".into() };
        Host {
            host_id: id.into(),
            availability_zone: "us-east-1a".into(),
            connected: true,
            drivers: vec![qemu],
            capacity: Amount { vcpus: 8, memory_mib: 8192, disk_mib: 65536 },
            used: Amount { vcpus: 2 * instances, memory_mib: 1024 * instances, disk_mib: 8192 * instances },
            instances,
        }
    }

    fn request() -> Request<'static> {
        Request { availability_zone: "us-east-1a", architecture: "x86_64", amount: ONE }
    }

    fn chosen(hosts: &[Host], overcommit: Overcommit) -> Option<String> {
        place(&request(), hosts, overcommit).chosen.map(|chosen| chosen.host_id)
    }

    #[test]
    fn the_emptiest_host_is_chosen_and_ties_go_by_id() {
        assert_eq!(chosen(&[host("a", 2), host("b", 1)], EXACT).as_deref(), Some("b"));
        assert_eq!(chosen(&[host("b", 1), host("a", 1)], EXACT).as_deref(), Some("a"));
    }

    #[test]
    fn every_refusal_has_its_reason() {
        let away = Host { connected: false, ..host("away", 0) };
        let elsewhere = Host { availability_zone: "us-east-1b".into(), ..host("elsewhere", 0) };
        let bare = Host { drivers: vec![], ..host("bare", 0) };
        let decision = place(&request(), &[host("full", 4), elsewhere, away, bare], EXACT);
        assert_eq!(decision.chosen, None);
        let refused: Vec<_> = decision.refused.iter().map(|(id, refusal)| (id.as_str(), refusal.clone())).collect();
        assert_eq!(
            refused,
            [
                ("away", Refusal::NotConnected),
                ("bare", Refusal::NoDriver),
                ("elsewhere", Refusal::OtherZone),
                ("full", Refusal::Full { of: "vCPUs", wanted: 2, free: 0 }),
            ]
        );
    }

    #[test]
    fn overcommit_promises_more_and_no_more_than_stated() {
        assert_eq!(chosen(&[host("a", 4)], Overcommit { vcpus: 1.25, ..EXACT }).as_deref(), Some("a"));
        assert_eq!(chosen(&[host("a", 5)], Overcommit { vcpus: 1.25, ..EXACT }), None);
    }

    proptest! {
        #[test]
        fn placing_one_after_another_never_exceeds_what_is_promised(count in 1..64_i64, factor in 1..5_u8) {
            let overcommit = Overcommit { vcpus: f64::from(factor), memory: 1.0, disk: 2.0 };
            let mut hosts = [host("a", 0), host("b", 0), host("c", 1)];
            for _ in 0..count {
                let Some(chosen) = place(&request(), &hosts, overcommit).chosen else { break };
                let taken = hosts.iter_mut().find(|host| host.host_id == chosen.host_id).expect("one of them");
                taken.take(ONE);
            }
            for host in &hosts {
                prop_assert!(host.used.vcpus <= host.capacity.vcpus * i64::from(factor));
                prop_assert!(host.used.memory_mib <= host.capacity.memory_mib);
                prop_assert!(host.used.disk_mib <= host.capacity.disk_mib * 2);
            }
            let most = hosts.iter().map(|host| host.instances).max();
            let least = hosts.iter().map(|host| host.instances).min();
            prop_assert!(most.zip(least).is_some_and(|(most, least)| most - least <= 1), "spread: {most:?} {least:?}");
        }
    }
}
