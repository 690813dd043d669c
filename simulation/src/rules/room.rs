//! What hosts have room for, from what is on them: the edge at which a launch gets fewer instances than it would like, or none.

use std::collections::BTreeMap;

use super::instances::{Instance, State};
use super::placement::{PlacementGroup, Strategy};
use super::{Faults, Rules};

/// vCPUs and MiB of memory and disk.
pub type Amount = [u64; 3];

/// How often each of them may be promised.
const OVERCOMMIT: Amount = [8, 1, 4];

/// Every instance here has one disk of that size.
const DISK: u64 = 1024;

pub const NO_ROOM: &str = "InsufficientInstanceCapacity";
/// No host is of the kind that the type needs.
const UNSUPPORTED: &str = "Unsupported";

/// EC2's figures of the types that are drawn. The last is whether it is burstable.
pub const TYPES: [(&str, u64, u64, bool); 6] = [
    ("t3.nano", 2, 512, true),
    ("t3.micro", 2, 1024, true),
    ("t3.small", 2, 2048, true),
    ("t3.medium", 2, 4096, true),
    ("c5.large", 2, 4096, false),
    ("m5.large", 2, 8192, false),
];

pub fn kind(name: &str) -> Option<&'static (&'static str, u64, u64, bool)> {
    TYPES.iter().find(|(known, ..)| *known == name)
}

/// A machine.
#[derive(Clone, Copy, Debug)]
pub struct Host {
    pub has: Amount,
}

fn takes(instance_type: &str, awake: bool) -> Amount {
    let (_, vcpus, memory, _) = kind(instance_type).copied().unwrap_or_default();
    if awake { [vcpus, memory, DISK] } else { [0, 0, DISK] }
}

fn fits(need: Amount, free: &Amount) -> bool {
    need.iter().zip(free).all(|(need, free)| need <= free)
}

fn take(free: &mut Amount, need: Amount) {
    free.iter_mut().zip(need).for_each(|(free, need)| *free = free.saturating_sub(need));
}

/// What is free on each host, and what each could hold at all.
pub struct Rooms {
    free: BTreeMap<String, Amount>,
    whole: BTreeMap<String, Amount>,
}

impl Rules {
    fn all(&self) -> impl Iterator<Item = &Instance> {
        self.accounts.iter().flat_map(|account| account.instances.values())
    }

    pub fn rooms(&self) -> Rooms {
        let promised = |host: &Host| std::array::from_fn(|at| host.has[at] * OVERCOMMIT[at]);
        let whole: BTreeMap<String, Amount> = self.hosts.iter().map(|(id, host)| (id.clone(), promised(host))).collect();
        let mut free = whole.clone();
        for one in self.all().filter(|one| one.state != State::Terminated) {
            if let Some(free) = one.host.as_ref().and_then(|host| free.get_mut(host)) {
                take(free, takes(&one.kind, one.is_awake()));
            }
        }
        Rooms { free, whole }
    }

    /// How many instances of a type there is room for: in a placement group where the group's strategy lets them be.
    pub fn room(&self, instance_type: &str, group: Option<(&PlacementGroup, Option<i64>)>) -> usize {
        let need = takes(instance_type, true);
        let each = self.rooms().free.into_iter().map(|(host, mut free)| {
            let most = group.map_or(usize::MAX, |(group, partition)| self.lets(group, partition, &host));
            let mut count = 0;
            while count < most && fits(need, &free) {
                take(&mut free, need);
                count += 1;
            }
            count
        });
        each.sum()
    }

    /// How many more of a group a host may have.
    fn lets(&self, group: &PlacementGroup, partition: Option<i64>, host: &str) -> usize {
        let mut members = self.members(group).filter(|one| one.host.as_deref() == Some(host));
        match group.strategy {
            Strategy::Cluster => usize::MAX,
            Strategy::Spread => usize::from(members.next().is_none()),
            // Where the request names none, whatever partition is there already will do.
            Strategy::Partition if partition.is_none() || members.all(|one| one.partition == partition) => usize::MAX,
            Strategy::Partition => 0,
        }
    }

    pub fn members<'a>(&'a self, group: &'a PlacementGroup) -> impl Iterator<Item = &'a Instance> {
        let own = self.accounts.iter().filter(|account| account.placement_groups.values().any(|other| other.id == group.id));
        let all = own.flat_map(|account| account.instances.values());
        all.filter(|one| one.state != State::Terminated && one.placement_group.as_ref() == Some(&group.id))
    }

    /// A launch of at least one finds no room.
    pub fn no_room(&self, instance_type: &str) -> Faults {
        vec![self.rooms().refusal(takes(instance_type, true), None)]
    }

    /// What must hold of where instances are, whatever has been asked.
    pub fn places_hold(&self) -> Result<(), String> {
        let rooms = self.rooms();
        for one in self.all().filter(|one| one.is_awake()) {
            let host = one.host.as_ref().and_then(|host| rooms.whole.get(host));
            if !host.is_some_and(|whole| fits(takes(&one.kind, true), whole)) {
                return Err(format!("a {} is on {:?}", one.kind, one.host));
            }
        }
        let groups = self.accounts.iter().flat_map(|account| account.placement_groups.values());
        groups.into_iter().try_for_each(|group| self.group_holds(group))
    }

    fn group_holds(&self, group: &PlacementGroup) -> Result<(), String> {
        let mut hosts: BTreeMap<&String, Vec<Option<i64>>> = BTreeMap::new();
        for one in self.members(group) {
            if let Some(host) = &one.host {
                hosts.entry(host).or_default().push(one.partition);
            }
        }
        let wrong = hosts.iter().find(|(_, inside)| match group.strategy {
            Strategy::Cluster => false,
            Strategy::Spread => inside.len() > 1,
            Strategy::Partition => inside.iter().any(|partition| *partition != inside[0] || partition.is_none()),
        });
        wrong.map_or(Ok(()), |(host, inside)| Err(format!("{host} has {inside:?} of the {:?} group {}", group.strategy, group.id)))
    }
}

impl Rooms {
    /// Starts a stopped instance where its disk is, or says why not.
    pub fn start(&mut self, one: &Instance) -> Option<&'static str> {
        let [vcpus, memory, _] = takes(&one.kind, true);
        let need = [vcpus, memory, 0];
        match one.host.as_ref().and_then(|host| self.free.get_mut(host)) {
            Some(free) if fits(need, free) => {
                take(free, need);
                None
            }
            _ => Some(self.refusal(need, one.host.as_deref())),
        }
    }

    /// Whether what finds no room now ever could: on the host that has its disk, or on any.
    fn refusal(&self, need: Amount, host: Option<&str>) -> &'static str {
        let mut those = self.whole.iter().filter(|(id, _)| host.is_none_or(|host| host == *id));
        if those.any(|(_, whole)| fits(need, whole)) { NO_ROOM } else { UNSUPPORTED }
    }
}
