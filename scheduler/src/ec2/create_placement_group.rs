//! `CreatePlacementGroup`.

use std::sync::Arc;

use freehold_proto::aws::ec2;
use freehold_proto::id::PlacementGroupId;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter};

use super::create_tags::insert_tags;
use super::message::{self, missing};
use super::model::placement_group::PlacementGroupView;
use super::resolve::PLACEMENT_GROUP;
use super::run_instances::{combination, invalid};
use crate::engine::Command;
use crate::placement::group::Strategy;
use crate::store::read::resources::Tagged;
use crate::store::{Outcome, Tx, is_unique_violation, placement_group};

/// An account's. Source: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/placement-groups.html>.
const MOST: u64 = 500;
const LONGEST_NAME: usize = 255;
const MOST_PARTITIONS: i32 = 7;
/// EC2's where the request says nothing.
const PARTITIONS: i32 = 2;
const SPREAD_LEVEL: &str = "rack";

impl Command for ec2::CreatePlacementGroupRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
        ErrorCode::InvalidPlacementGroupDuplicate,
        ErrorCode::MissingParameter,
        ErrorCode::PlacementGroupLimitExceeded,
        ErrorCode::TagLimitExceeded,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::CreatePlacementGroupResult> {
        let row = self.asked(tx)?;
        let tags = message::tags_on_create(PLACEMENT_GROUP.resource_type, &self.tag_specifications)?;
        let of_account = placement_group::Entity::find().filter(placement_group::Column::AccountId.eq(tx.account()));
        let name = row.group_name.clone();
        let row = match row.into_active_model().insert(tx.db()).await {
            Err(error) if is_unique_violation(&error) => {
                let message = format!("The placement group '{name}' already exists. Choose another name, or delete it first.");
                return Err(Fault::new(ErrorCode::InvalidPlacementGroupDuplicate, message).into());
            }
            inserted => inserted?,
        };
        if of_account.count(tx.db()).await? > MOST {
            let message = format!("An account has at most {MOST} placement groups. Delete some first.");
            return Err(Fault::new(ErrorCode::PlacementGroupLimitExceeded, message).into());
        }
        insert_tags(tx, &row.group_id, PLACEMENT_GROUP.resource_type, &tags).await?;
        let view = PlacementGroupView::new(Tagged { item: Arc::new(row), tags }, &tx.settings().region);
        Ok(ec2::CreatePlacementGroupResult { placement_group: Some((&view).into()) })
    }
}

trait Asked {
    fn asked(&self, tx: &Tx) -> Result<placement_group::Model, Fault>;
}

impl Asked for ec2::CreatePlacementGroupRequest {
    fn asked(&self, tx: &Tx) -> Result<placement_group::Model, Fault> {
        let name = self.group_name.as_deref().filter(|name| !name.is_empty()).ok_or_else(|| missing("groupName"))?;
        // As EC2: ASCII, up to its length, and nothing around it.
        if name.len() > LONGEST_NAME || name.trim() != name || !name.chars().all(|c| c.is_ascii_graphic() || c == ' ') {
            let message =
                format!("Value ({name}) for parameter groupName is invalid. Use up to {LONGEST_NAME} printable ASCII characters.");
            return Err(invalid(message));
        }
        let strategy = self.strategy.as_deref().map_or(Ok(Strategy::Cluster), Strategy::read)?;
        Ok(placement_group::Model {
            group_id: PlacementGroupId::draw(tx.entropy()).into(),
            account_id: tx.account().to_owned(),
            group_name: name.to_owned(),
            strategy: strategy.as_str().to_owned(),
            partition_count: partitions(strategy, self.partition_count)?,
            spread_level: spread_level(strategy, self.spread_level.as_deref())?,
            created: tx.now(),
        })
    }
}

fn partitions(strategy: Strategy, given: Option<i32>) -> Result<Option<i32>, Fault> {
    match (strategy, given) {
        (Strategy::Partition, None) => Ok(Some(PARTITIONS)),
        (Strategy::Partition, Some(count)) if (1..=MOST_PARTITIONS).contains(&count) => Ok(Some(count)),
        (Strategy::Partition, Some(count)) => {
            Err(invalid(format!("Value ({count}) for parameter partitionCount is invalid. It must be from 1 to {MOST_PARTITIONS}.")))
        }
        (_, None) => Ok(None),
        (_, Some(_)) => Err(combination("The parameter partitionCount may only be specified for the strategy partition.")),
    }
}

/// The smallest thing that can fail is a host: as far as Freehold knows, each is a rack of its own.
fn spread_level(strategy: Strategy, given: Option<&str>) -> Result<Option<String>, Fault> {
    match (strategy, given) {
        (Strategy::Spread, None) => Ok(Some(SPREAD_LEVEL.to_owned())),
        (Strategy::Spread, Some(level)) => Ok(Some(level.to_owned())),
        (_, None) => Ok(None),
        (_, Some(_)) => Err(combination("The parameter spreadLevel may only be specified for the strategy spread.")),
    }
}
