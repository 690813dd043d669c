//! `DeletePlacementGroup`. Refused while an instance is in it that has not ended.

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ColumnTrait, EntityTrait, ModelTrait, QueryFilter};

use super::create_tags::remove_tags;
use super::message::missing;
use crate::engine::Command;
use crate::lifecycle::step::State;
use crate::placement::group;
use crate::store::{Outcome, Tx, instance};

impl Command for ec2::DeletePlacementGroupRequest {
    const ERRORS: &'static [ErrorCode] =
        &[ErrorCode::InvalidPlacementGroupInUse, ErrorCode::InvalidPlacementGroupUnknown, ErrorCode::MissingParameter];

    async fn run(self, tx: &mut Tx) -> Outcome<()> {
        if self.group_name.is_empty() {
            return Err(missing("groupName").into());
        }
        let row = group::named(tx, &self.group_name).await?;
        let inside = instance::Entity::find()
            .filter(instance::Column::PlacementGroupId.eq(&row.group_id))
            .filter(instance::Column::State.ne(State::Terminated.as_str()));
        if let Some(inside) = inside.one(tx.db()).await? {
            let message = format!(
                "The placement group '{}' is in use: the instance '{}' is in it. Terminate or move its instances first.",
                row.group_name, inside.instance_id
            );
            return Err(Fault::new(ErrorCode::InvalidPlacementGroupInUse, message).into());
        }
        remove_tags(tx, &row.group_id).await?;
        row.delete(tx.db()).await?;
        Ok(())
    }
}
