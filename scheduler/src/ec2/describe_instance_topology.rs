//! `DescribeInstanceTopology`: which running instances are near each other. The nodes go from the far to the near: the region's network,
//! the zone's, the host. Two instances on one host have all three in common.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::find::{Search, find_shown};
use super::message;
use super::resolve::INSTANCE;
use super::shown::{Shown, shown};
use crate::Settings;
use crate::engine::{Ask, Query};
use crate::filter::Table;
use crate::lifecycle::step::State;
use crate::store::Outcome;
use crate::store::read::instances::InstanceView;

const FILTERS: Table<Shown<InstanceView>> = Table {
    names: &[
        ("availability-zone", |view, say| say(&view.instance.availability_zone)),
        ("instance-type", |view, say| say(&view.instance.instance_type)),
        shown!("zone-id" => placement.availability_zone_id),
    ],
    tags: None,
};

/// Source: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceTopology.html>.
const PAGE: i32 = 20;

impl Query for ec2::DescribeInstanceTopologyRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::FilterLimitExceeded,
        ErrorCode::InvalidInstanceIdMalformed,
        ErrorCode::InvalidInstanceIdNotFound,
        ErrorCode::InvalidNextToken,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
    ];

    async fn answer(mut self, ask: &Ask) -> Outcome<ec2::DescribeInstanceTopologyResult> {
        if self.instance_ids.is_empty() {
            self.max_results = self.max_results.or(Some(PAGE));
        }
        let page = ask.page(&self)?;
        let filters = FILTERS.compile(message::filters(&self.filters))?;
        let grouped = |view: &InstanceView| view.placement_group.as_ref().is_some_and(|group| self.group_names.contains(&group.group_name));
        let matches = |shown: &Shown<InstanceView>| {
            shown.instance.state == State::Running.as_str() && (self.group_names.is_empty() || grouped(shown)) && filters.matches(shown)
        };
        let (found, next_token) = find_shown(ask, Search::new(&INSTANCE, &self.instance_ids, page, &filters), matches)?;
        let instances = found.iter().map(|view| topology(view, &ask.settings)).collect();
        Ok(ec2::DescribeInstanceTopologyResult { instances, next_token })
    }
}

fn topology(view: &InstanceView, settings: &Settings) -> ec2::InstanceTopology {
    let row = &view.instance;
    let levels = [Some(settings.region.as_str()), Some(&row.availability_zone), row.host_id.as_deref()];
    ec2::InstanceTopology {
        instance_id: Some(row.instance_id.clone()),
        instance_type: Some(row.instance_type.clone()),
        group_name: view.placement_group.as_ref().map(|group| group.group_name.clone()),
        network_nodes: levels.into_iter().flatten().map(|level| node(&row.account_id, level)).collect(),
        availability_zone: Some(row.availability_zone.clone()),
        zone_id: settings.zone(&row.availability_zone).map(|zone| zone.id.clone()),
        ..ec2::InstanceTopology::default()
    }
}

/// Each account sees others, as on EC2: who is nobody's neighbour by name can not be told.
fn node(account: &str, level: &str) -> String {
    let hash = blake3::derive_key("freehold network node", format!("{account} {level}").as_bytes());
    format!("nn-{}", &blake3::Hash::from_bytes(hash).to_hex()[..17])
}
