//! What there is, counted when somebody reads the metrics: instances by state, hosts, what waits to be buried.
//!
//! Labels are EC2's states and the ids of hosts that attend. What can not be counted is taken away, and says so: an old figure would
//! look like a new one.

use freehold_link::metrics::{Family, Gauge, Gauges, Measure, Registry, Unit};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect};

use super::fares::seconds;
use crate::hosts::Hosts;
use crate::lifecycle::step::State;
use crate::store::{Outcome, Store, host, instance, tombstone};

type ByHost = Family<[(&'static str, String); 1], Measure>;

#[derive(Debug, Default)]
pub(super) struct Census {
    readable: Gauge,
    instances: Gauges<1>,
    impaired: Gauge,
    hosts: Gauges<1>,
    tombstones: Gauge,
    stream_ages: ByHost,
    skews: ByHost,
}

impl Census {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("store_readable", "1 if the store could be read for this answer", self.readable.clone());
        registry.register("instances", "Instances by EC2's state", self.instances.clone());
        registry.register("instances_impaired", "Instances that their host can not run as desired", self.impaired.clone());
        registry.register("hosts", "Hosts by whether they attend", self.hosts.clone());
        registry.register("tombstones", "Orders to destroy that wait for a host to carry them out", self.tombstones.clone());
        registry.register_with_unit("host_stream_age", "How long a host has been attending", Unit::Seconds, self.stream_ages.clone());
        let help = "How far a host's clock was ahead of this scheduler's when it came";
        registry.register_with_unit("host_clock_skew", help, Unit::Seconds, self.skews.clone());
    }

    pub(super) async fn take(&self, store: &Store, hosts: &Hosts) {
        self.attending(store, hosts);
        match self.rows(store).await {
            Ok(()) => _ = self.readable.set(1),
            Err(failure) => {
                tracing::warn!(error = super::chain(&failure), "the store can not be counted for the metrics");
                self.readable.set(0);
                self.instances.clear();
                self.hosts.clear();
            }
        }
    }

    async fn rows(&self, store: &Store) -> Outcome<()> {
        let states: Vec<(String, i64)> = instance::Entity::find()
            .select_only()
            .column(instance::Column::State)
            .column_as(instance::Column::InstanceId.count(), "instances")
            .group_by(instance::Column::State)
            .into_tuple()
            .all(store.reader())
            .await?;
        for state in State::ALL {
            let count = states.iter().find(|(name, _)| name == state.as_str()).map_or(0, |(_, count)| *count);
            self.instances.get_or_create(&[("state", state.as_str())]).set(count);
        }
        let impaired = instance::Entity::find()
            .filter(instance::Column::ObservedFaultCode.ne(""))
            .filter(instance::Column::State.ne(State::Terminated.as_str()));
        let impaired = impaired.count(store.reader()).await?;
        self.impaired.set(whole(impaired));
        for (name, connected) in [("connected", true), ("away", false)] {
            let hosts = host::Entity::find().filter(host::Column::Connected.eq(connected)).count(store.reader()).await?;
            self.hosts.get_or_create(&[("state", name)]).set(whole(hosts));
        }
        let tombstones = tombstone::Entity::find().count(store.reader()).await?;
        self.tombstones.set(whole(tombstones));
        Ok(())
    }

    fn attending(&self, store: &Store, hosts: &Hosts) {
        self.stream_ages.clear();
        self.skews.clear();
        for (host_id, age) in hosts.attendance() {
            self.stream_ages.get_or_create(&[("host", host_id.clone())]).set(age.as_secs_f64());
            if let Some(skew) = store.metrics().skew(&host_id) {
                self.skews.get_or_create(&[("host", host_id)]).set(seconds(skew));
            }
        }
    }
}

fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
