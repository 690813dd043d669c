//! Other security groups for the primary interface of an instance.

use std::collections::BTreeSet;

use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};

use super::run_instances::groups_by_id;
use crate::lifecycle::terminate::restate_groups;
use crate::lifecycle::transition::save_restated;
use crate::store::{Outcome, Tx, instance, interface_security_group, network_interface_attachment};

/// The interface is in these groups from now on, and in no other. Its host filters by them, and every host by who is in a group.
pub async fn replace(tx: &mut Tx, row: instance::Model, group_ids: &[String]) -> Outcome<()> {
    use interface_security_group::{Column, Entity};
    let wanted = groups_by_id(tx, group_ids, &row.vpc_id).await?;
    let Some(primary) = primary_interface(tx, &row.instance_id).await? else { return Ok(()) };
    let present = Entity::find().filter(Column::NetworkInterfaceId.eq(&primary)).all(tx.db()).await?;
    let present: BTreeSet<String> = present.into_iter().map(|membership| membership.group_id).collect();
    let wanted: BTreeSet<String> = wanted.into_iter().collect();
    if wanted == present {
        return Ok(());
    }
    let gone: Vec<&String> = present.difference(&wanted).collect();
    Entity::delete_many().filter(Column::NetworkInterfaceId.eq(&primary)).filter(Column::GroupId.is_in(gone)).exec(tx.db()).await?;
    for group_id in wanted.difference(&present) {
        let membership = interface_security_group::Model {
            network_interface_id: primary.clone(),
            group_id: group_id.clone(),
            account_id: tx.account().to_owned(),
        };
        membership.into_active_model().insert(tx.db()).await?;
    }
    let changed: Vec<String> = wanted.symmetric_difference(&present).cloned().collect();
    restate_groups(tx, &changed).await?;
    save_restated(tx, row).await.map(drop)
}

async fn primary_interface(tx: &Tx, instance_id: &str) -> Outcome<Option<String>> {
    use network_interface_attachment::{Column, Entity};
    let attached = Entity::find().filter(Column::InstanceId.eq(instance_id)).filter(Column::DeviceIndex.eq(0)).one(tx.db()).await?;
    Ok(attached.map(|attachment| attachment.network_interface_id))
}
