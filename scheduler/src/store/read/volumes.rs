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
    let volumes = attached(JoinType::LeftJoin).filter(volume::Column::AccountId.eq(account));
    let volumes = chosen_pairs(db, volumes, volume::Column::VolumeId, select).await?;
    Ok(volumes.into_iter().map(|(volume, attachment)| VolumeView { volume, attachment }).collect())
}

/// The account is asked of the attachment: asked of the volume, SQLite would rather walk all volumes of the account than look some up.
fn of_account_on_instances(account: &str) -> SelectTwo<volume::Entity, volume_attachment::Entity> {
    attached(JoinType::InnerJoin).filter(volume_attachment::Column::AccountId.eq(account))
}

/// Volumes with their attachments, by volume id.
fn attached(join: JoinType) -> SelectTwo<volume::Entity, volume_attachment::Entity> {
    use volume::{Column, Entity};
    let attached = Entity::belongs_to(volume_attachment::Entity).from(Column::VolumeId).to(volume_attachment::Column::VolumeId);
    Entity::find().join(join, attached.into()).select_also(volume_attachment::Entity).order_by_asc(Column::VolumeId)
}

/// The volumes of these instances (or of all), the root volume first, then by device name.
pub async fn of_instances(
    db: &impl ConnectionTrait,
    account: &str,
    instances: &Select,
) -> Result<BTreeMap<String, Vec<VolumeView>>, DbErr> {
    let volumes = chosen_pairs(db, of_account_on_instances(account), volume_attachment::Column::InstanceId, instances).await?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::read::{portions, tests::plan};

    #[tokio::test]
    async fn some_instances_volumes_are_looked_up() {
        let some = Select::Ids(vec!["i-0123456789abcdef0".to_owned()]);
        let queries = portions(of_account_on_instances("111122223333"), volume_attachment::Column::InstanceId, &some);
        let plan = plan(&queries[0]).await;
        assert!(plan.iter().any(|step| step.contains("(instance_id=?)")), "{plan:?}");
        assert!(!plan.iter().any(|step| step.contains("(account_id=?)") || step.starts_with("SCAN")), "{plan:?}");
    }
}
