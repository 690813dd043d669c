//! `DeleteLaunchTemplate`: the template with all its versions. Instances that came of it stay, and keep its tags.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;
use sea_orm::{ColumnTrait, EntityTrait, ModelTrait, QueryFilter};

use super::create_tags::remove_tags;
use crate::engine::Command;
use crate::launch_template::Named;
use crate::store::{Outcome, Tx, launch_template_version};

impl Command for ec2::DeleteLaunchTemplateRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidLaunchTemplateIdMalformed,
        ErrorCode::InvalidLaunchTemplateIdNotFound,
        ErrorCode::InvalidLaunchTemplateNameMalformed,
        ErrorCode::InvalidLaunchTemplateNameNotFound,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::MissingParameter,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::DeleteLaunchTemplateResult> {
        use launch_template_version::{Column, Entity};
        let named = Named::one(self.launch_template_id.as_ref(), self.launch_template_name.as_ref())?;
        let template = named.find(tx).await?;
        Entity::delete_many().filter(Column::LaunchTemplateId.eq(&template.launch_template_id)).exec(tx.db()).await?;
        remove_tags(tx, &template.launch_template_id).await?;
        let shown = (&template).into();
        template.delete(tx.db()).await?;
        Ok(ec2::DeleteLaunchTemplateResult { launch_template: Some(shown) })
    }
}
