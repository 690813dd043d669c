//! Volumes with what they are attached to.

use std::collections::BTreeMap;

use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect, SelectTwo};

use super::{Read, Select, chosen_pairs};
use crate::store::{volume, volume_attachment};

/// A volume as Describe shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeView {
    pub volume: volume::Model,
    pub attachment: Option<volume_attachment::Model>,
}

impl Read {
    /// By volume id.
    pub async fn volumes(&self, account: &str, select: &Select) -> Result<Vec<VolumeView>, DbErr> {
        load(&self.snapshot().await?, account, select).await
    }
}

/// By volume id.
pub async fn load(db: &impl ConnectionTrait, account: &str, select: &Select) -> Result<Vec<VolumeView>, DbErr> {
    let volumes = attached(JoinType::LeftJoin, account);
    let volumes = chosen_pairs(db, volumes, volume::Column::VolumeId, select).await?;
    Ok(volumes.into_iter().map(|(volume, attachment)| VolumeView { volume, attachment }).collect())
}

/// Volumes of an account with their attachments, by volume id.
fn attached(join: JoinType, account: &str) -> SelectTwo<volume::Entity, volume_attachment::Entity> {
    use volume::{Column, Entity};
    let attached = Entity::belongs_to(volume_attachment::Entity).from(Column::VolumeId).to(volume_attachment::Column::VolumeId);
    Entity::find()
        .join(join, attached.into())
        .select_also(volume_attachment::Entity)
        .filter(Column::AccountId.eq(account))
        .order_by_asc(Column::VolumeId)
}

/// The volumes of these instances (or of all), the root volume first, then by device name.
pub async fn of_instances(
    db: &impl ConnectionTrait,
    account: &str,
    instances: &Select,
) -> Result<BTreeMap<String, Vec<VolumeView>>, DbErr> {
    let volumes = attached(JoinType::InnerJoin, account);
    let volumes = chosen_pairs(db, volumes, volume_attachment::Column::InstanceId, instances).await?;
    let mut by_instance: BTreeMap<String, Vec<VolumeView>> = BTreeMap::new();
    for (volume, attachment) in volumes {
        if let Some(attachment) = attachment {
            let views = by_instance.entry(attachment.instance_id.clone()).or_default();
            views.push(VolumeView { volume, attachment: Some(attachment) });
        }
    }
    for views in by_instance.values_mut() {
        views.sort_by(|a, b| order(a).cmp(&order(b)));
    }
    Ok(by_instance)
}

fn order(view: &VolumeView) -> Option<(bool, &str)> {
    view.attachment.as_ref().map(|attachment| (!attachment.is_root, attachment.device_name.as_str()))
}
