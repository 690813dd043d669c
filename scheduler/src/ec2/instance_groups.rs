//! Other security groups for the primary interface of an instance.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::run_instances::groups_by_id;
use crate::network::interface;
use crate::store::{Outcome, Tx, instance, network_interface_attachment};

/// The interface is in these groups from now on, and in no other.
pub async fn replace(tx: &mut Tx, row: &instance::Model, group_ids: &[String]) -> Outcome<()> {
    let wanted = groups_by_id(tx, group_ids, &row.vpc_id).await?;
    match primary_interface(tx, &row.instance_id).await? {
        Some(primary) => interface::replace_groups(tx, &primary, wanted).await,
        None => Ok(()),
    }
}

async fn primary_interface(tx: &Tx, instance_id: &str) -> Outcome<Option<String>> {
    use network_interface_attachment::{Column, Entity};
    let attached = Entity::find().filter(Column::InstanceId.eq(instance_id)).filter(Column::DeviceIndex.eq(0)).one(tx.db()).await?;
    Ok(attached.map(|attachment| attachment.network_interface_id))
}
