//! The placement group that a request names, for an instance of a type.

use freehold_proto::Fault;
use sea_orm::EntityTrait;

use super::resolve::PLACEMENT_GROUP;
use super::run_instances::{PlacementGroupAsked, combination, invalid};
use crate::instance_type::InstanceType;
use crate::placement::group::{self, Strategy};
use crate::store::{Outcome, Tx, placement_group};

/// Exists, is the caller's, has the partition that is named, and takes instances of the type.
pub async fn find(tx: &Tx, asked: &PlacementGroupAsked, kind: Option<&InstanceType>) -> Outcome<placement_group::Model> {
    let row = match (&asked.group_id, &asked.group_name) {
        (Some(id), _) => {
            PLACEMENT_GROUP.check(id)?;
            let row = placement_group::Entity::find_by_id(id).one(tx.db()).await?;
            row.filter(|row| row.account_id == tx.account()).ok_or_else(|| PLACEMENT_GROUP.absent(id))?
        }
        (None, name) => group::named(tx, name.as_deref().unwrap_or_default()).await?,
    };
    check_partition(&row, asked.partition_number)?;
    check_type(&row, kind)?;
    Ok(row)
}

fn check_partition(row: &placement_group::Model, number: Option<i32>) -> Result<(), Fault> {
    match (number, row.partition_count) {
        (None, _) => Ok(()),
        (Some(_), None) => {
            let message = format!("The placement group '{}' has no partitions. Leave PartitionNumber out.", row.group_name);
            Err(combination(message))
        }
        (Some(number), Some(count)) if (1..=count).contains(&number) => Ok(()),
        (Some(number), Some(count)) => {
            Err(invalid(format!("Value ({number}) for parameter partitionNumber is invalid. '{}' has {count} partitions.", row.group_name)))
        }
    }
}

/// EC2 clusters no burstable type. Source: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/placement-strategies.html>.
fn check_type(row: &placement_group::Model, kind: Option<&InstanceType>) -> Result<(), Fault> {
    match kind {
        Some(kind) if kind.burstable && row.strategy == Strategy::Cluster.as_str() => Err(combination(format!(
            "Cluster placement groups are not supported by the '{}' instance type. Specify a supported instance type or change the \
             placement group strategy, and try again.",
            kind.name
        ))),
        _ => Ok(()),
    }
}
