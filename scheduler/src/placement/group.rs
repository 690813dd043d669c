//! Placement groups: what EC2 promises of where a group's instances are, kept by placement.
//!
//! ```text
//! cluster     all in one availability zone, on as few hosts as they fit on
//! spread      each on a host of its own
//! partition   instances of different partitions never share a host
//! ```
//!
//! Whatever has not ended counts: a stopped instance keeps its host, since its disk is there.
//! Source: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/placement-groups.html>.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::{Chosen, Decision, Host, Passed, Refusal, Request, able, chosen, over};
use crate::Overcommit;
use crate::lifecycle::step::State;
use crate::store::{Failure, Outcome, Tx, instance, placement_group};

/// How the instances of a group are to be placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    Cluster,
    Spread,
    Partition,
}

impl Strategy {
    /// EC2's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Spread => "spread",
            Self::Partition => "partition",
        }
    }

    pub fn read(word: &str) -> Result<Self, Fault> {
        let found = [Self::Cluster, Self::Spread, Self::Partition].into_iter().find(|strategy| strategy.as_str() == word);
        let message = || format!("Value ({word}) for parameter strategy is invalid. Use cluster, spread or partition.");
        found.ok_or_else(|| Fault::new(ErrorCode::InvalidParameterValue, message()))
    }
}

/// A group as placement sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    pub strategy: Strategy,
    /// One of a group without partitions.
    pub partitions: i32,
    /// Where the request names one.
    pub partition: Option<i32>,
    /// Where a cluster is, once it has an instance.
    pub availability_zone: Option<String>,
    /// By host, the partition of each instance there: a launch asks of every host, for every instance.
    pub members: BTreeMap<String, Vec<Option<i32>>>,
}

impl Group {
    /// Without `except`, which is about to be judged itself.
    pub async fn load(tx: &Tx, row: &placement_group::Model, partition: Option<i32>, except: Option<&str>) -> Outcome<Self> {
        let inside = instance::Entity::find()
            .filter(instance::Column::PlacementGroupId.eq(&row.group_id))
            .filter(instance::Column::State.ne(State::Terminated.as_str()));
        let inside = inside.all(tx.db()).await?.into_iter().filter(|row| Some(row.instance_id.as_str()) != except);
        let mut group = Self {
            strategy: Strategy::read(&row.strategy)?,
            partitions: row.partition_count.unwrap_or(1),
            partition,
            availability_zone: None,
            members: BTreeMap::new(),
        };
        for row in inside {
            if let Some(host_id) = row.host_id {
                group.take(host_id, &row.availability_zone, row.partition_number);
            }
        }
        Ok(group)
    }

    /// Counts an instance in.
    fn take(&mut self, host_id: String, availability_zone: &str, partition: Option<i32>) {
        self.availability_zone.get_or_insert_with(|| availability_zone.to_owned());
        self.members.entry(host_id).or_default().push(partition);
    }

    /// The hosts that have an instance of it.
    pub fn hosts(&self) -> BTreeSet<&str> {
        self.members.keys().map(String::as_str).collect()
    }

    /// The partitions of those that a host has.
    pub fn on(&self, host_id: &str) -> &[Option<i32>] {
        self.members.get(host_id).map_or(&[], Vec::as_slice)
    }

    /// Whether the strategy lets an instance of `partition` be on the host; one of any where that is open.
    pub fn lets(&self, host: &Host, partition: Option<i32>) -> Result<(), Refusal> {
        match self.strategy {
            Strategy::Cluster if self.availability_zone.as_ref().is_some_and(|zone| *zone != host.availability_zone) => {
                Err(Refusal::ClusterElsewhere)
            }
            Strategy::Spread if !self.on(&host.host_id).is_empty() => Err(Refusal::Spread),
            Strategy::Partition if partition.is_some() && self.on(&host.host_id).iter().any(|other| *other != partition) => {
                Err(Refusal::OtherPartition)
            }
            _ => Ok(()),
        }
    }

    /// The partitions in which the next instance can be, the best first: of those that are open the one with the fewest.
    pub fn next_partitions(&self) -> Vec<Option<i32>> {
        if self.strategy != Strategy::Partition {
            return vec![None];
        }
        if self.partition.is_some() {
            return vec![self.partition];
        }
        let mut open: Vec<Option<i32>> = (1..=self.partitions).map(Some).collect();
        open.sort_by_key(|partition| self.members.values().flatten().filter(|other| *other == partition).count());
        open
    }

    /// Less is better, before all else. A cluster fills the hosts that it has; a partition too, so that hosts are left to the others.
    fn affinity(&self, host: &Host) -> Reverse<usize> {
        let here = self.on(&host.host_id).len();
        Reverse(match self.strategy {
            Strategy::Cluster => here,
            Strategy::Partition => here.min(1),
            Strategy::Spread => 0,
        })
    }
}

/// The caller's group of that name.
pub async fn named(tx: &Tx, name: &str) -> Outcome<placement_group::Model> {
    let row = placement_group::Entity::find().filter(placement_group::Column::GroupName.eq(name));
    let row = row.filter(placement_group::Column::AccountId.eq(tx.account())).one(tx.db()).await?;
    row.ok_or_else(|| {
        Failure::refuse(ErrorCode::InvalidPlacementGroupUnknown, format!("The Placement Group '{name}' is unknown. Create it first."))
    })
}

/// Places up to `count` instances of a group, one after another. As [`super::place`], and by the group's strategy.
pub fn place(request: &Request<'_>, hosts: &[Host], overcommit: Overcommit, count: usize, mut group: Group) -> Decision {
    let mut hosts = hosts.to_vec();
    let mut placed = Vec::new();
    while placed.len() < count {
        let Some(one) = next(request, &mut hosts, overcommit, &group) else { break };
        group.take(one.host_id.clone(), request.availability_zone, one.partition);
        placed.push(one);
    }
    let mut passed = BTreeMap::new();
    for host in &hosts {
        let verdict = able(request, host, overcommit).and_then(|_| group.lets(host, group.partition));
        let used = placed.iter().any(|one| one.host_id == host.host_id);
        match verdict {
            Err(refusal) => _ = passed.insert(host.host_id.clone(), Passed::Refused(refusal)),
            Ok(()) if !used => _ = passed.insert(host.host_id.clone(), over(host, overcommit)),
            Ok(()) => {}
        }
    }
    Decision { chosen: placed, passed }
}

fn next(request: &Request<'_>, hosts: &mut [Host], overcommit: Overcommit, group: &Group) -> Option<Chosen> {
    for partition in group.next_partitions() {
        let open = hosts.iter_mut().filter(|host| able(request, host, overcommit).is_ok() && group.lets(host, partition).is_ok());
        let Some(host) = open.min_by(|a, b| {
            let key = |host: &Host| (group.affinity(host), host.rank());
            key(a).cmp(&key(b)).then_with(|| a.host_id.cmp(&b.host_id))
        }) else {
            continue;
        };
        let (driver, left) = able(request, host, overcommit).ok()?;
        let mut one = chosen(host, driver, left);
        one.partition = partition;
        one.reason = reason(group, host, partition, &one.reason);
        host.take(request.amount);
        return Some(one);
    }
    None
}

fn reason(group: &Group, host: &Host, partition: Option<i32>, otherwise: &str) -> String {
    let here = group.on(&host.host_id).len();
    let because = match (group.strategy, partition) {
        (Strategy::Cluster, _) if here > 0 => format!("it has {here} of the cluster placement group already"),
        (Strategy::Cluster, _) => "the cluster placement group had no host with room".to_owned(),
        (Strategy::Spread, _) => "it has none of the spread placement group".to_owned(),
        (Strategy::Partition, partition) => {
            format!("it has none of the placement group but of partition {}", partition.unwrap_or_default())
        }
    };
    format!("{because}; {otherwise}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, prop_assert, proptest};

    use super::*;
    use crate::hosts::Driver;
    use crate::placement::Amount;

    const ONE: Amount = Amount { vcpus: 1, memory_mib: 1024, disk_mib: 1024 };
    const EXACT: Overcommit = Overcommit { vcpus: 1.0, memory: 1.0, disk: 1.0 };
    const REQUEST: Request<'_> = Request { availability_zone: "a", architecture: "x86_64", instance_type: "t3.nano", amount: ONE };

    fn host(number: usize, zone: &str, room: i64) -> Host {
        Host {
            host_id: format!("host-{number}"),
            availability_zone: zone.into(),
            connected: true,
            drained: false,
            quarantines: false,
            drivers: vec![Driver { name: "simulated".into(), accelerator: "none".into(), architecture: "x86_64".into() }],
            instance_types: None,
            capacity: Amount { vcpus: room, memory_mib: 1024 * room, disk_mib: 1024 * room },
            used: Amount::default(),
            instances: 0,
        }
    }

    fn group(strategy: Strategy, partitions: i32, partition: Option<i32>) -> Group {
        Group { strategy, partitions, partition, availability_zone: None, members: BTreeMap::new() }
    }

    fn placed(hosts: &[Host], count: usize, group: Group) -> Vec<(String, Option<i32>)> {
        let decision = place(&REQUEST, hosts, EXACT, count, group);
        decision.chosen.into_iter().map(|one| (one.host_id, one.partition)).collect()
    }

    #[test]
    fn a_cluster_fills_a_host_before_it_takes_another_and_stays_in_its_zone() {
        let hosts = [host(1, "a", 2), host(2, "a", 2), host(3, "a", 2)];
        let ids: Vec<String> = placed(&hosts, 3, group(Strategy::Cluster, 1, None)).into_iter().map(|(id, _)| id).collect();
        assert_eq!(ids, ["host-1", "host-1", "host-2"]);
        let mut settled = group(Strategy::Cluster, 1, None);
        settled.take("far".into(), "b", None);
        let decision = place(&REQUEST, &hosts, EXACT, 1, settled);
        assert!(decision.chosen.is_empty());
        assert_eq!(decision.refusal("host-1"), Some(&Refusal::ClusterElsewhere));
    }

    #[test]
    fn partitions_are_filled_evenly_and_one_that_is_named_is_kept() {
        let hosts = [host(1, "a", 8), host(2, "a", 8)];
        let numbers: Vec<i32> =
            placed(&hosts, 4, group(Strategy::Partition, 2, None)).into_iter().filter_map(|(_, number)| number).collect();
        assert_eq!(numbers, [1, 2, 1, 2]);
        // The first takes one host and leaves the other to the second.
        let one = placed(&hosts, 3, group(Strategy::Partition, 2, Some(2)));
        assert!(one.iter().all(|(id, number)| id == "host-1" && *number == Some(2)), "{one:?}");
    }

    proptest! {
        #[test]
        fn each_strategy_keeps_its_promise(
            rooms in prop::collection::vec((0_i64..4, any::<bool>()), 1..8),
            strategy in prop::sample::select(vec![Strategy::Cluster, Strategy::Spread, Strategy::Partition]),
            partitions in 1_i32..5,
            counts in prop::collection::vec(1_usize..6, 1..4),
        ) {
            let mut hosts: Vec<Host> = Vec::new();
            for (number, (room, here)) in rooms.iter().enumerate() {
                hosts.push(host(number, if *here { "a" } else { "b" }, *room));
            }
            let mut group = group(strategy, partitions, None);
            for count in counts {
                let decision = place(&REQUEST, &hosts, EXACT, count, group.clone());
                for one in decision.chosen {
                    let host = hosts.iter_mut().find(|host| host.host_id == one.host_id).unwrap();
                    host.take(ONE);
                    group.take(one.host_id, &host.availability_zone, one.partition);
                }
            }
            for host in &hosts {
                let here = group.on(&host.host_id);
                prop_assert!(host.used.vcpus <= host.capacity.vcpus);
                match strategy {
                    Strategy::Cluster => prop_assert!(here.is_empty() || host.availability_zone == "a"),
                    Strategy::Spread => prop_assert!(here.len() <= 1),
                    Strategy::Partition => {
                        prop_assert!(here.windows(2).all(|pair| pair[0] == pair[1]));
                        prop_assert!(here.iter().all(|partition| partition.is_some_and(|number| (1..=partitions).contains(&number))));
                    }
                }
            }
        }
    }
}
