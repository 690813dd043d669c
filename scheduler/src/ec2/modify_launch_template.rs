//! `ModifyLaunchTemplate`: another default version. Nothing else of a template can change.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;
use sea_orm::{ActiveModelTrait, ActiveValue::Set, IntoActiveModel};

use super::create_tags::tags_of;
use super::message::{self, missing};
use crate::engine::Command;
use crate::launch_template::{Named, Version};
use crate::store::{Outcome, Tx};

impl Command for ec2::ModifyLaunchTemplateRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidLaunchTemplateIdMalformed,
        ErrorCode::InvalidLaunchTemplateIdNotFound,
        ErrorCode::InvalidLaunchTemplateIdVersionNotFound,
        ErrorCode::InvalidLaunchTemplateNameMalformed,
        ErrorCode::InvalidLaunchTemplateNameNotFound,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
        ErrorCode::MissingParameter,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::ModifyLaunchTemplateResult> {
        let named = Named::one(self.launch_template_id.as_ref(), self.launch_template_name.as_ref())?;
        let asked = self.default_version.as_deref().filter(|text| !text.is_empty()).ok_or_else(|| missing("SetDefaultVersion"))?;
        let asked = Version::parse(asked)?;
        let template = named.find(tx).await?;
        let version = asked.find(tx, &template).await?;
        let mut change = template.into_active_model();
        change.default_version_number = Set(version.version_number);
        let template = change.update(tx.db()).await?;
        let tags = tags_of(tx, &template.launch_template_id).await?;
        let shown = ec2::LaunchTemplate { tags: message::tags(&tags), ..(&template).into() };
        Ok(ec2::ModifyLaunchTemplateResult { launch_template: Some(shown) })
    }
}
