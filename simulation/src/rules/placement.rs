//! Placement groups.
//!
//! Source: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/placement-groups.html>.

use super::answer::Element;
use super::instances::State;
use super::query::{Given, Query};
use super::tags;
use super::{Account, Faults, is_id, room};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    Cluster,
    Spread,
    Partition,
}

impl Strategy {
    pub fn word(self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Spread => "spread",
            Self::Partition => "partition",
        }
    }

    fn of(word: Option<&str>) -> Option<Self> {
        match word.unwrap_or("cluster") {
            "cluster" => Some(Self::Cluster),
            "spread" => Some(Self::Spread),
            "partition" => Some(Self::Partition),
            _ => None,
        }
    }
}

#[derive(Clone, Debug)]
pub struct PlacementGroup {
    pub id: String,
    pub strategy: Strategy,
    pub partitions: Option<i64>,
}

const UNKNOWN: &str = "InvalidPlacementGroup.Unknown";
const TOGETHER: &str = "InvalidParameterCombination";
const VALUE: &str = "InvalidParameterValue";

pub fn faults(own: &Account, query: &Query) -> Faults {
    let Some(name) = query.get("GroupName") else { return vec!["MissingParameter"] };
    let known = own.placement_groups.get(name);
    if query.action == "DeletePlacementGroup" {
        let Some(group) = known else { return vec![UNKNOWN] };
        let mut inside = own.instances.values().filter(|one| one.placement_group.as_ref() == Some(&group.id));
        return if inside.any(|one| one.state != State::Terminated) { vec!["InvalidPlacementGroup.InUse"] } else { Vec::new() };
    }
    let mut faults = tags::create_faults(&query.given, &["placement-group"]);
    faults.extend(known.map(|_| "InvalidPlacementGroup.Duplicate"));
    match (Strategy::of(query.get("Strategy")), query.given.number("PartitionCount")) {
        (None, _) => faults.push(VALUE),
        (Some(Strategy::Partition), Some(count)) if !(1..=7).contains(&count) => faults.push(VALUE),
        (Some(Strategy::Partition), _) | (Some(_), None) => {}
        (Some(_), Some(_)) => faults.push(TOGETHER),
    }
    faults
}

pub fn accept(own: &mut Account, query: &Query, answer: &Element) -> Result<(), String> {
    let name = query.get("GroupName").unwrap_or_default().to_owned();
    if query.action == "DeletePlacementGroup" {
        if let Some(group) = own.placement_groups.remove(&name) {
            own.tags.remove(&group.id);
        }
        return Ok(());
    }
    let id = answer.at("placementGroup/groupId").to_owned();
    if !is_id("pg", &id) {
        return Err(format!("the group's id is {id:?}"));
    }
    let strategy = Strategy::of(query.get("Strategy")).unwrap_or(Strategy::Cluster);
    let partitions = (strategy == Strategy::Partition).then(|| query.given.number("PartitionCount").unwrap_or(2));
    tags::create(own, &id, &query.given, "placement-group");
    own.placement_groups.insert(name, PlacementGroup { id, strategy, partitions });
    Ok(())
}

/// The group that a launch names, with the partition.
pub fn named<'a>(own: &'a Account, given: &Given) -> Option<(&'a PlacementGroup, Option<i64>)> {
    let group = own.placement_groups.get(given.get("Placement.GroupName")?)?;
    Some((group, given.number("Placement.PartitionNumber")))
}

pub fn launch_faults(own: &Account, given: &Given) -> Faults {
    let (name, number) = (given.get("Placement.GroupName"), given.number("Placement.PartitionNumber"));
    let Some(name) = name else { return number.map(|_| TOGETHER).into_iter().collect() };
    let Some(group) = own.placement_groups.get(name) else { return vec![UNKNOWN] };
    let burstable = given.get("InstanceType").and_then(room::kind).is_some_and(|kind| kind.3);
    let mut faults = Faults::new();
    faults.extend((burstable && group.strategy == Strategy::Cluster).then_some(TOGETHER));
    match (number, group.partitions) {
        (Some(_), None) => faults.push(TOGETHER),
        (Some(number), Some(count)) if !(1..=count).contains(&number) => faults.push(VALUE),
        _ => {}
    }
    faults
}
