//! `DescribePlacementGroups`. EC2 does not page it.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::message;
use super::model::placement_group::{FILTERS, PlacementGroup, PlacementGroupView};
use super::resolve::PLACEMENT_GROUP;
use crate::engine::{Ask, Query};
use crate::store::{Outcome, View};

impl Query for ec2::DescribePlacementGroupsRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::FilterLimitExceeded,
        ErrorCode::InvalidParameterValue,
        ErrorCode::InvalidPlacementGroupIdMalformed,
        ErrorCode::InvalidPlacementGroupUnknown,
    ];

    async fn answer(self, ask: &Ask) -> Outcome<ec2::DescribePlacementGroupsResult> {
        let filters = FILTERS.compile(message::filters(&self.filters))?;
        self.group_ids.iter().try_for_each(|id| PLACEMENT_GROUP.check(id))?;
        // An account has few and may name them by name: all are read.
        let rows = ask.rows();
        let groups = PlacementGroup::all(&rows, ask.account(), None).map(|group| PlacementGroupView::new(group, &ask.settings.region));
        let mut groups: Vec<PlacementGroupView> = groups.collect();
        PLACEMENT_GROUP.all_found(&self.group_ids, groups.iter().map(|view| view.group.item.group_id.as_str()))?;
        PLACEMENT_GROUP.all_found(&self.group_names, groups.iter().map(|view| view.group.item.group_name.as_str()))?;
        let all = self.group_names.is_empty() && self.group_ids.is_empty();
        groups.retain(|view| {
            let item = &view.group.item;
            all || self.group_names.contains(&item.group_name) || self.group_ids.contains(&item.group_id)
        });
        groups.retain(|view| filters.matches(view));
        Ok(ec2::DescribePlacementGroupsResult { placement_groups: groups.iter().map(Into::into).collect() })
    }
}
