//! `DescribeImages`: an account sees its own AMIs and the public ones.

use std::collections::BTreeMap;

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};

use super::message;
use super::model::image::{FILTERS, ImageView};
use super::resolve::IMAGE;
use crate::engine::{Ask, Query};
use crate::store::read::{Select, chosen, tags};
use crate::store::{Outcome, image, snapshot};

impl Query for ec2::DescribeImagesRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::FilterLimitExceeded,
        ErrorCode::InvalidAmiIdMalformed,
        ErrorCode::InvalidAmiIdNotFound,
        ErrorCode::InvalidNextToken,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
        ErrorCode::InvalidUserIdMalformed,
    ];

    async fn answer(self, ask: &Ask) -> Outcome<ec2::DescribeImagesResult> {
        let page = ask.page(&self)?;
        let filters = FILTERS.compile(message::filters(&self.filters))?;
        let select = IMAGE.select(&self.image_ids)?;
        self.owners.iter().try_for_each(|word| check_owner(word, &["self", "amazon", "aws-marketplace", "aws-backup-vault"]))?;
        self.executable_users.iter().try_for_each(|word| check_owner(word, &["self", "all"]))?;
        let mut views = visible(&ask.read.snapshot().await?, ask.account(), &select).await?;
        IMAGE.all_found(&self.image_ids, views.iter().map(|view| view.image.image_id.as_str()))?;
        views.retain(|view| owned_by(view, &self.owners) && executable_by(view, &self.executable_users) && filters.matches(view));
        let (views, next_token) = page.cut(views, |view| &view.image.image_id)?;
        Ok(ec2::DescribeImagesResult { images: views.iter().map(Into::into).collect(), next_token })
    }
}

fn check_owner(word: &str, words: &[&str]) -> Result<(), Fault> {
    if words.contains(&word) || (word.len() == 12 && word.bytes().all(|byte| byte.is_ascii_digit())) {
        return Ok(());
    }
    let message = format!("Invalid user id: \"{word}\". Give 12 digits or one of {}.", words.join(", "));
    Err(Fault::new(ErrorCode::InvalidUserIdMalformed, message))
}

fn owned_by(view: &ImageView, owners: &[String]) -> bool {
    let owner = |word: &String| match word.as_str() {
        "self" => view.own,
        word => view.owner_alias() == Some(word) || view.image.account_id == word,
    };
    owners.is_empty() || owners.iter().any(owner)
}

/// Whom an AMI was opened to. So far that is everybody or nobody: single accounts can not be named.
fn executable_by(view: &ImageView, users: &[String]) -> bool {
    users.is_empty() || (view.image.public && users.iter().any(|word| word == "all"))
}

async fn visible(db: &impl ConnectionTrait, account: &str, select: &Select) -> Outcome<Vec<ImageView>> {
    let mine_or_public = Condition::any().add(image::Column::AccountId.eq(account)).add(image::Column::Public.eq(true));
    let mut images = image::Entity::find().filter(mine_or_public).order_by_asc(image::Column::ImageId).all(db).await?;
    if let Select::Ids(ids) = select {
        images.retain(|image| ids.contains(&image.image_id));
    }
    let snapshot_ids = Select::Ids(images.iter().map(|image| image.snapshot_id.clone()).collect());
    let snapshots = chosen(db, snapshot::Entity::find(), snapshot::Column::SnapshotId, &snapshot_ids).await?;
    let snapshots: BTreeMap<_, _> = snapshots.into_iter().map(|row| (row.snapshot_id.clone(), row)).collect();
    let mut tags = tags::of_resources(db, account, &Select::Ids(images.iter().map(|image| image.image_id.clone()).collect())).await?;
    let view = |image: image::Model| ImageView {
        snapshot: snapshots.get(&image.snapshot_id).cloned(),
        tags: tags.remove(&image.image_id).unwrap_or_default(),
        own: image.account_id == account,
        image,
    };
    Ok(images.into_iter().map(view).collect())
}
