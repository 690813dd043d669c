//! Volumes with what they are attached to.

use std::collections::BTreeMap;

use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder};

use super::{Read, Select, chosen};
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
    let volumes = volume::Entity::find().filter(volume::Column::AccountId.eq(account)).order_by_asc(volume::Column::VolumeId);
    let volumes = chosen(db, volumes, volume::Column::VolumeId, select).await?;
    let attachments = volume_attachment::Entity::find().filter(volume_attachment::Column::AccountId.eq(account));
    let attachments = chosen(db, attachments, volume_attachment::Column::VolumeId, select).await?;
    let mut attachments: BTreeMap<_, _> = attachments.into_iter().map(|row| (row.volume_id.clone(), row)).collect();
    let view = |volume: volume::Model| VolumeView { attachment: attachments.remove(&volume.volume_id), volume };
    Ok(volumes.into_iter().map(view).collect())
}

/// The volumes of these instances (or of all), the root volume first, then by device name.
pub async fn of_instances(
    db: &impl ConnectionTrait,
    account: &str,
    instances: &Select,
) -> Result<BTreeMap<String, Vec<VolumeView>>, DbErr> {
    use volume_attachment::{Column, Entity};
    let volumes = match instances {
        Select::All => Select::All,
        Select::Ids(_) => {
            let attachments = chosen(db, Entity::find().filter(Column::AccountId.eq(account)), Column::InstanceId, instances).await?;
            Select::Ids(attachments.into_iter().map(|attachment| attachment.volume_id).collect())
        }
    };
    let mut by_instance: BTreeMap<String, Vec<VolumeView>> = BTreeMap::new();
    for view in load(db, account, &volumes).await? {
        if let Some(attachment) = &view.attachment {
            by_instance.entry(attachment.instance_id.clone()).or_default().push(view);
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
