//! Placement groups.

use std::sync::Arc;

use freehold_proto::aws::ec2;

use crate::ec2::message;
use crate::filter::Table;
use crate::store::placement_group;
use crate::store::read::resources::Tagged;

pub type PlacementGroup = Tagged<Arc<placement_group::Model>>;

/// A placement group as Describe shows it.
pub struct PlacementGroupView {
    pub group: PlacementGroup,
    pub arn: String,
}

/// It is there as soon as it is made, and gone as soon as it is deleted.
const STATE: &str = "available";

pub const FILTERS: Table<PlacementGroupView> = Table {
    names: &[
        ("group-arn", |view, say| say(&view.arn)),
        ("group-name", |view, say| say(&view.group.item.group_name)),
        ("spread-level", |view, say| view.group.item.spread_level.iter().for_each(|level| say(level))),
        ("state", |_, say| say(STATE)),
        ("strategy", |view, say| say(&view.group.item.strategy)),
    ],
    tags: Some(|view, say| view.group.tags.iter().for_each(|(key, value)| say(key, value))),
};

impl PlacementGroupView {
    pub fn new(group: PlacementGroup, region: &str) -> Self {
        let arn = format!("arn:aws:ec2:{region}:{}:placement-group/{}", group.item.account_id, group.item.group_name);
        Self { group, arn }
    }
}

impl From<&PlacementGroupView> for ec2::PlacementGroup {
    fn from(view: &PlacementGroupView) -> Self {
        let Tagged { item, tags } = &view.group;
        Self {
            group_id: Some(item.group_id.clone()),
            group_name: Some(item.group_name.clone()),
            group_arn: Some(view.arn.clone()),
            strategy: Some(item.strategy.clone()),
            partition_count: item.partition_count,
            spread_level: item.spread_level.clone(),
            state: Some(STATE.into()),
            tags: message::tags(tags),
            ..Self::default()
        }
    }
}
