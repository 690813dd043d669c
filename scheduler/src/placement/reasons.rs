//! Placement's decisions as they are remembered for the operator who asks why: in `placement` for as long as the reservation is there,
//! in `refused_placement` for a day. Both are bounded: of many hosts some are named and the rest are counted by their reason.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use freehold_proto::{Caller, Fault};
use sea_orm::{ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect};
use serde::{Deserialize, Serialize};

use super::hosts::FEW;
use super::{Amount, Decision, Host, Passed, Refusal, Request, place};
use crate::store::{Outcome, Store, Tx, host, placement, refused_placement};

/// How long a refusal is remembered.
pub const KEPT_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// And how many at most: who asks again and again must not fill the store.
const MOST: u64 = 4096;

/// What was to be placed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// `1 to 3 t3.micro`
    pub what: String,
    pub vcpus: i64,
    pub memory_mib: i64,
    pub disk_mib: i64,
    pub architecture: String,
    pub zones: Vec<String>,
    #[serde(default)]
    pub instance_type: String,
}

impl Wanted {
    /// Of `request` the zone is not asked: it is among `zones`.
    pub fn new(what: String, request: &Request<'_>, zones: Vec<String>) -> Self {
        let Amount { vcpus, memory_mib, disk_mib } = request.amount;
        let (architecture, instance_type) = (request.architecture.to_owned(), request.instance_type.to_owned());
        Self { what, vcpus, memory_mib, disk_mib, architecture, zones, instance_type }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, vcpus, memory_mib, disk_mib, architecture, zones, .. } = self;
        let zones = zones.join(" or ");
        write!(formatter, "{what} ({vcpus} vCPUs, {memory_mib} MiB of memory, {disk_mib} MiB of disk each, {architecture}) in {zones}")
    }
}

/// The hosts that were not chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Others {
    /// Some by id, each with its sentence.
    pub named: BTreeMap<String, String>,
    /// How many more there were, by reason.
    pub more: BTreeMap<String, u64>,
    /// Whether there were still others, which came later in the order or could not take it.
    pub unread: bool,
}

impl Others {
    /// What the decisions, one per zone, say of the hosts together. A host speaks for its own zone where that was asked for.
    pub fn of<'a>(decisions: impl IntoIterator<Item = &'a Decision>, unread: bool) -> Self {
        let mut passed: BTreeMap<&str, &Passed> = BTreeMap::new();
        for (host_id, why) in decisions.into_iter().flat_map(|decision| &decision.passed) {
            let elsewhere = matches!(why, Passed::Refused(Refusal::OtherZone));
            if !elsewhere || !passed.contains_key(host_id.as_str()) {
                passed.insert(host_id, why);
            }
        }
        let mut others = Self { unread, ..Self::default() };
        for (at, (host_id, why)) in passed.into_iter().enumerate() {
            if u64::try_from(at).is_ok_and(|at| at < FEW) {
                others.named.insert(host_id.to_owned(), why.to_string());
            } else {
                *others.more.entry(kind(why).to_owned()).or_default() += 1;
            }
        }
        others
    }
}

/// A host's reason without its figures.
fn kind(why: &Passed) -> &'static str {
    match why {
        Passed::Refused(Refusal::OtherZone) => "are in another availability zone",
        Passed::Refused(Refusal::NotConnected) => "are not connected",
        Passed::Refused(Refusal::Drained) => "are drained",
        Passed::Refused(Refusal::Quarantines) => "keep guests that the store does not know",
        Passed::Refused(Refusal::NoDriver) => "have no driver for the architecture",
        Passed::Refused(Refusal::ClusterElsewhere) => "are not in the availability zone of the cluster placement group",
        Passed::Refused(Refusal::Spread) => "have an instance of the spread placement group",
        Passed::Refused(Refusal::OtherPartition) => "have instances of another partition of the placement group",
        Passed::Refused(Refusal::NotOffered) => "are not configured to offer the instance type",
        Passed::Refused(Refusal::TooSmall { .. }) => "are too small",
        Passed::Refused(Refusal::Full { .. }) => "are full",
        Passed::Over { .. } => "could take it and come later",
    }
}

/// No host took it. Travels as the source of the fault that the client gets, to where the request's id is known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no host could take {wanted}")]
pub struct Refused {
    pub wanted: Wanted,
    pub why: Why,
}

/// What the hosts have against it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    Known(Others),
    /// Each host is judged when the command's turn to write is over: that explains and decides nothing, and there may be many. So many
    /// instances were asked for.
    Unjudged(usize),
}

impl Refused {
    /// The reasons behind a fault, if it is such a refusal.
    pub fn of(fault: &Fault) -> Option<&Self> {
        fault.source.as_ref()?.downcast_ref()
    }

    /// Remembers it under its request's id, in a transaction of its own: the request's is undone.
    pub async fn keep(&self, store: &Store, action: &str, caller: &Caller) -> Outcome<()> {
        let others = match &self.why {
            Why::Known(others) => others.clone(),
            Why::Unjudged(count) => judged(store, &self.wanted, *count).await?,
        };
        let tx = store.begin(&caller.account_id).await?;
        let row = refused_placement::Model {
            request_id: caller.request_id.clone(),
            account_id: caller.account_id.clone(),
            action: action.to_owned(),
            wanted: json(&self.wanted)?,
            others: json(&others)?,
            created: tx.now(),
        };
        refused_placement::Entity::delete_by_id(&row.request_id).exec(tx.db()).await?;
        row.into_active_model().insert(tx.db()).await?;
        forget_beyond(tx.db(), MOST).await?;
        Ok(tx.commit().await?)
    }
}

/// What every host has against it, as the World has them.
async fn judged(store: &Store, wanted: &Wanted, count: usize) -> Outcome<Others> {
    store.world().caught_up().await?;
    let rows: Vec<Arc<host::Model>> = store.world().rows().hosts.values().cloned().collect();
    let hosts = rows.into_iter().map(|row| Host::try_from(Arc::unwrap_or_clone(row))).collect::<Result<Vec<_>, _>>()?;
    let Wanted { vcpus, memory_mib, disk_mib, ref architecture, ref zones, ref instance_type, .. } = *wanted;
    let amount = Amount { vcpus, memory_mib, disk_mib };
    let decide = |availability_zone: &String| {
        place(&Request { availability_zone, architecture, instance_type, amount }, &hosts, store.settings().overcommit, count)
    };
    Ok(Others::of(&zones.iter().map(decide).collect::<Vec<_>>(), false))
}

/// Only the newest stay.
async fn forget_beyond(db: &impl ConnectionTrait, most: u64) -> Outcome<()> {
    use refused_placement::{Column, Entity};
    let oldest = Entity::find().select_only().column(Column::Created).order_by_desc(Column::Created).offset(most).limit(1);
    if let Some(oldest) = oldest.into_tuple::<i64>().one(db).await? {
        Entity::delete_many().filter(Column::Created.lte(oldest)).exec(db).await?;
    }
    Ok(())
}

/// Remembers why a reservation's instances are where they are.
pub async fn keep(tx: &Tx, reservation_id: &str, wanted: &Wanted, others: &Others) -> Outcome<()> {
    let row = placement::Model {
        reservation_id: reservation_id.to_owned(),
        account_id: tx.account().to_owned(),
        wanted: json(wanted)?,
        others: json(others)?,
        created: tx.now(),
    };
    row.into_active_model().insert(tx.db()).await?;
    Ok(())
}

fn json(value: &impl Serialize) -> Result<String, Fault> {
    serde_json::to_string(value).map_err(|error| Fault::internal("writing a placement's reasons", error))
}

/// What a row says.
pub fn read(wanted: &str, others: &str) -> Result<(Wanted, Others), Fault> {
    let unreadable = |error| Fault::internal("a placement's reasons are unreadable", error);
    Ok((serde_json::from_str(wanted).map_err(unreadable)?, serde_json::from_str(others).map_err(unreadable)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::{ALICE, Lab};

    #[test]
    fn a_host_speaks_for_its_own_zone_and_of_many_some_are_named_and_the_rest_counted() {
        let full = || Passed::Refused(Refusal::Full { of: "vCPUs", wanted: 2, free: 1 });
        let elsewhere = || Passed::Refused(Refusal::OtherZone);
        let decision = |passed| Decision { chosen: Vec::new(), passed };
        let a = decision(BTreeMap::from([("a".to_owned(), full()), ("b".to_owned(), elsewhere())]));
        let b = decision(BTreeMap::from([("a".to_owned(), elsewhere()), ("b".to_owned(), full()), ("c".to_owned(), elsewhere())]));
        let others = Others::of([&a, &b], false);
        let named: Vec<_> = others.named.into_iter().collect();
        let full = "has 1 vCPUs free and 2 are wanted";
        let expected = [("a", full), ("b", full), ("c", "is in another availability zone")];
        assert_eq!(named, expected.map(|(id, why)| (id.to_owned(), why.to_owned())));

        let many = decision((0..100).map(|at| (format!("host-{at:03}"), elsewhere())).collect());
        let others = Others::of([&many], false);
        assert_eq!(others.named.len() as u64, FEW);
        assert_eq!(others.more, BTreeMap::from([("are in another availability zone".to_owned(), 100 - FEW)]));
    }

    #[tokio::test]
    async fn no_more_refusals_are_kept_than_the_newest() {
        let lab = Lab::new().await;
        let zone = "us-east-1a";
        let request = Request { availability_zone: zone, architecture: "x86_64", instance_type: "t3.micro", amount: Amount::default() };
        let wanted = Wanted::new("1 t3.micro".into(), &request, vec![zone.into()]);
        let refused = Refused { wanted, why: Why::Known(Others::default()) };
        for id in ["first", "second", "third"] {
            let caller = Caller { account_id: ALICE.into(), principal_arn: String::new(), user_id: String::new(), request_id: id.into() };
            refused.keep(lab.store(), "RunInstances", &caller).await.expect("kept");
            lab.clock.advance(std::time::Duration::from_millis(1));
        }
        let tx = lab.store().begin(ALICE).await.expect("begin");
        forget_beyond(tx.db(), 2).await.expect("forgotten");
        tx.commit().await.expect("commit");
        let left = refused_placement::Entity::find().all(lab.store().reader()).await.expect("rows");
        let mut ids: Vec<_> = left.into_iter().map(|row| row.request_id).collect();
        ids.sort();
        assert_eq!(ids, ["second", "third"]);
    }
}
