//! `CreateLaunchTemplateVersion`: new data, or that of another version with what is given over it.

use std::sync::Arc;

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter};

use super::message::missing;
use super::model::launch_template::VersionView;
use crate::engine::Command;
use crate::launch_template::{MOST_VERSIONS, Named, Version, data, version_id};
use crate::store::{Failure, Outcome, Tx, launch_template, launch_template_version};

/// EC2's bound, in characters.
const LONGEST_DESCRIPTION: usize = 255;

impl Command for ec2::CreateLaunchTemplateVersionRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidLaunchTemplateIdMalformed,
        ErrorCode::InvalidLaunchTemplateIdNotFound,
        ErrorCode::InvalidLaunchTemplateIdVersionNotFound,
        ErrorCode::InvalidLaunchTemplateNameMalformed,
        ErrorCode::InvalidLaunchTemplateNameNotFound,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
        ErrorCode::InvalidUserDataMalformed,
        ErrorCode::MaxTemplateVersionLimitExceeded,
        ErrorCode::MissingParameter,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::CreateLaunchTemplateVersionResult> {
        let named = Named::one(self.launch_template_id.as_ref(), self.launch_template_name.as_ref())?;
        check_description(self.version_description.as_deref())?;
        let given = self.launch_template_data.as_ref().ok_or_else(|| missing("LaunchTemplateData"))?;
        data::check(given)?;
        let template = named.find(tx).await?;
        let merged = match self.source_version.as_deref().filter(|text| !text.is_empty()) {
            Some(source) => {
                let source = Version::parse(source)?.find(tx, &template).await?;
                &data::overlay(&data::inherited(data::read(&source.data)?), given)?
            }
            None => given,
        };
        hold_limit(tx, &template).await?;
        let number = template.highest_version_number + 1;
        let version = NewVersion { number, description: self.version_description.as_ref(), data: merged };
        let row = version.insert(tx, &template).await?;
        let mut change = template.into_active_model();
        (change.latest_version_number, change.highest_version_number) = (Set(number), Set(number));
        let template = change.update(tx.db()).await?;
        let view = VersionView::new(Arc::new(template), Arc::new(row))?;
        Ok(ec2::CreateLaunchTemplateVersionResult { launch_template_version: Some(view.into()), warning: None })
    }
}

pub(super) fn check_description(description: Option<&str>) -> Result<(), Fault> {
    if description.is_some_and(|text| text.chars().count() > LONGEST_DESCRIPTION) {
        let message = format!("The parameter VersionDescription has more than {LONGEST_DESCRIPTION} characters.");
        return Err(Fault::new(ErrorCode::InvalidParameterValue, message));
    }
    Ok(())
}

/// A version that is to be written.
pub(super) struct NewVersion<'a> {
    pub number: i64,
    pub description: Option<&'a String>,
    pub data: &'a ec2::RequestLaunchTemplateData,
}

impl NewVersion<'_> {
    pub async fn insert(self, tx: &Tx, template: &launch_template::Model) -> Outcome<launch_template_version::Model> {
        let row = launch_template_version::Model {
            launch_template_version_id: version_id(&template.launch_template_id, self.number),
            launch_template_id: template.launch_template_id.clone(),
            account_id: template.account_id.clone(),
            version_number: self.number,
            version_description: self.description.filter(|text| !text.is_empty()).cloned(),
            data: data::keep(self.data),
            created_by: tx.principal_arn(),
            created: tx.now(),
        };
        Ok(row.into_active_model().insert(tx.db()).await?)
    }
}

async fn hold_limit(tx: &Tx, template: &launch_template::Model) -> Outcome<()> {
    use launch_template_version::{Column, Entity};
    let there = Entity::find().filter(Column::LaunchTemplateId.eq(&template.launch_template_id)).count(tx.db()).await?;
    if there >= MOST_VERSIONS {
        let message = format!("The launch template has the {MOST_VERSIONS} versions that it may have. Delete one first.");
        return Err(Failure::refuse(ErrorCode::MaxTemplateVersionLimitExceeded, message));
    }
    Ok(())
}
