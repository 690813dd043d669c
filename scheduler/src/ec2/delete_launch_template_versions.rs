//! `DeleteLaunchTemplateVersions`: each version for itself. What can not be deleted stands in the answer with EC2's word for why, and so
//! do all of them where there is no such template.

use std::collections::BTreeSet;

use freehold_proto::aws::ec2::{self, words::launch_template_error_code as why};
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect};

use super::message::missing;
use crate::engine::Command;
use crate::launch_template::{Named, absent_version, number_of, version_id};
use crate::store::{Failure, Outcome, Tx, launch_template, launch_template_version};

/// EC2's bound.
const MOST: usize = 200;

impl Command for ec2::DeleteLaunchTemplateVersionsRequest {
    const ERRORS: &'static [ErrorCode] =
        &[ErrorCode::InvalidParameterCombination, ErrorCode::InvalidParameterValue, ErrorCode::MissingParameter];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::DeleteLaunchTemplateVersionsResult> {
        let named = Named::one(self.launch_template_id.as_ref(), self.launch_template_name.as_ref())?;
        let numbers = numbers(&self.versions)?;
        match named.find(tx).await {
            Ok(template) => delete_each(tx, template, numbers).await,
            Err(failure) => {
                let (code, fault) = not_there(failure)?;
                let refuse = |number| refused((&self.launch_template_id, &self.launch_template_name), number, code, &fault.message);
                Ok(ec2::DeleteLaunchTemplateVersionsResult {
                    unsuccessfully_deleted_launch_template_versions: numbers.into_iter().map(refuse).collect(),
                    ..Default::default()
                })
            }
        }
    }
}

async fn delete_each(
    tx: &Tx,
    template: launch_template::Model,
    numbers: BTreeSet<i64>,
) -> Outcome<ec2::DeleteLaunchTemplateVersionsResult> {
    let mut answer = ec2::DeleteLaunchTemplateVersionsResult::default();
    let (id, name) = (Some(template.launch_template_id.clone()), Some(template.launch_template_name.clone()));
    for number in numbers {
        match delete(tx, &template, number).await? {
            Ok(()) => answer.successfully_deleted_launch_template_versions.push(ec2::DeleteLaunchTemplateVersionsResponseSuccessItem {
                launch_template_id: id.clone(),
                launch_template_name: name.clone(),
                version_number: Some(number),
            }),
            Err((code, message)) => {
                answer.unsuccessfully_deleted_launch_template_versions.push(refused((&id, &name), number, code, &message));
            }
        }
    }
    find_latest(tx, template).await?;
    Ok(answer)
}

fn numbers(versions: &[String]) -> Result<BTreeSet<i64>, Fault> {
    if versions.is_empty() {
        return Err(missing("LaunchTemplateVersion"));
    }
    if versions.len() > MOST {
        let message = format!("One request deletes at most {MOST} versions. Send several, or delete the launch template.");
        return Err(Fault::new(ErrorCode::InvalidParameterValue, message));
    }
    versions.iter().map(|text| number_of(text)).collect()
}

/// EC2's word for why there is no such template, which in this action is no error.
fn not_there(failure: Failure) -> Result<(&'static str, Fault), Failure> {
    let fault = Fault::from(failure);
    let code = match fault.code {
        ErrorCode::InvalidLaunchTemplateIdMalformed => why::LAUNCH_TEMPLATE_ID_MALFORMED,
        ErrorCode::InvalidLaunchTemplateIdNotFound => why::LAUNCH_TEMPLATE_ID_DOES_NOT_EXIST,
        ErrorCode::InvalidLaunchTemplateNameMalformed => why::LAUNCH_TEMPLATE_NAME_MALFORMED,
        ErrorCode::InvalidLaunchTemplateNameNotFound => why::LAUNCH_TEMPLATE_NAME_DOES_NOT_EXIST,
        _ => return Err(fault.into()),
    };
    Ok((code, fault))
}

fn refused(
    (id, name): (&Option<String>, &Option<String>),
    number: i64,
    code: &str,
    message: &str,
) -> ec2::DeleteLaunchTemplateVersionsResponseErrorItem {
    ec2::DeleteLaunchTemplateVersionsResponseErrorItem {
        launch_template_id: id.clone(),
        launch_template_name: name.clone(),
        version_number: Some(number),
        response_error: Some(ec2::ResponseError { code: Some(code.to_owned()), message: Some(message.to_owned()) }),
    }
}

/// Deletes one version, or says why not.
async fn delete(tx: &Tx, template: &launch_template::Model, number: i64) -> Outcome<Result<(), (&'static str, String)>> {
    if number == template.default_version_number {
        // EC2 has no word of its own for it.
        let message = format!("Version {number} is the default version and can not be deleted. Set another default version first.");
        return Ok(Err((why::UNEXPECTED_ERROR, message)));
    }
    let id = version_id(&template.launch_template_id, number);
    let gone = launch_template_version::Entity::delete_by_id(id).exec(tx.db()).await?;
    if gone.rows_affected == 0 {
        let message = absent_version(&template.launch_template_id, number).message;
        return Ok(Err((why::LAUNCH_TEMPLATE_VERSION_DOES_NOT_EXIST, message)));
    }
    Ok(Ok(()))
}

async fn find_latest(tx: &Tx, template: launch_template::Model) -> Outcome<()> {
    use launch_template_version::{Column, Entity};
    let latest: Option<Option<i64>> = Entity::find()
        .select_only()
        .column_as(Column::VersionNumber.max(), "latest")
        .filter(Column::LaunchTemplateId.eq(&template.launch_template_id))
        .into_tuple()
        .one(tx.db())
        .await?;
    let latest = latest.flatten().unwrap_or(template.default_version_number);
    if latest != template.latest_version_number {
        let mut change = template.into_active_model();
        change.latest_version_number = Set(latest);
        change.update(tx.db()).await?;
    }
    Ok(())
}
