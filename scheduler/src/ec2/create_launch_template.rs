//! `CreateLaunchTemplate`: the template and its version 1. What the data says is not checked before it is launched, as on EC2.

use freehold_proto::aws::ec2;
use freehold_proto::id::LaunchTemplateId;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter};

use super::create_launch_template_version::{NewVersion, check_description};
use super::create_tags::insert_tags;
use super::message::{self, missing, tags_on_create};
use super::resolve::LAUNCH_TEMPLATE;
use crate::engine::Command;
use crate::launch_template::{MOST_TEMPLATES, check_name, data};
use crate::store::{Failure, Outcome, Tx, is_unique_violation, launch_template};

impl Command for ec2::CreateLaunchTemplateRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidLaunchTemplateNameAlreadyExists,
        ErrorCode::InvalidLaunchTemplateNameMalformed,
        ErrorCode::InvalidParameterValue,
        ErrorCode::InvalidUserDataMalformed,
        ErrorCode::MaxTemplateLimitExceeded,
        ErrorCode::MissingParameter,
        ErrorCode::TagLimitExceeded,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::CreateLaunchTemplateResult> {
        check_name(&self.launch_template_name)?;
        check_description(self.version_description.as_deref())?;
        let data = self.launch_template_data.as_ref().ok_or_else(|| missing("LaunchTemplateData"))?;
        data::check(data)?;
        let tags = tags_on_create(LAUNCH_TEMPLATE.resource_type, &self.tag_specifications)?;
        hold_limit(tx).await?;
        let row = insert(tx, &self.launch_template_name).await?;
        NewVersion { number: 1, description: self.version_description.as_ref(), data }.insert(tx, &row).await?;
        insert_tags(tx, &row.launch_template_id, LAUNCH_TEMPLATE.resource_type, &tags).await?;
        let shown = ec2::LaunchTemplate { tags: message::tags(&tags), ..(&row).into() };
        Ok(ec2::CreateLaunchTemplateResult { launch_template: Some(shown), warning: None })
    }
}

async fn hold_limit(tx: &Tx) -> Outcome<()> {
    let there = launch_template::Entity::find().filter(launch_template::Column::AccountId.eq(tx.account())).count(tx.db()).await?;
    if there >= MOST_TEMPLATES {
        let message = format!("You have reached the limit of {MOST_TEMPLATES} launch templates. Delete one first.");
        return Err(Failure::refuse(ErrorCode::MaxTemplateLimitExceeded, message));
    }
    Ok(())
}

/// Names are unique in an account; the database says so.
async fn insert(tx: &Tx, name: &str) -> Outcome<launch_template::Model> {
    let row = launch_template::Model {
        launch_template_id: LaunchTemplateId::draw(tx.entropy()).into(),
        account_id: tx.account().to_owned(),
        launch_template_name: name.to_owned(),
        default_version_number: 1,
        latest_version_number: 1,
        highest_version_number: 1,
        created_by: tx.principal_arn(),
        created: tx.now(),
    };
    match row.into_active_model().insert(tx.db()).await {
        Err(error) if is_unique_violation(&error) => {
            let message = "Launch template name already in use.";
            Err(Fault::new(ErrorCode::InvalidLaunchTemplateNameAlreadyExists, message).into())
        }
        inserted => Ok(inserted?),
    }
}
