//! `DescribeImages`: an account sees its own AMIs and the public ones.

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};

use super::find::{Search, find_shown};
use super::message;
use super::model::image::{FILTERS, ImageView};
use super::resolve::IMAGE;
use super::shown::Shown;
use crate::engine::{Ask, Query};
use crate::store::Outcome;

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
        self.image_ids.iter().try_for_each(|id| IMAGE.check(id))?;
        self.owners.iter().try_for_each(|word| check_owner(word, &["self", "amazon", "aws-marketplace", "aws-backup-vault"]))?;
        self.executable_users.iter().try_for_each(|word| check_owner(word, &["self", "all"]))?;
        let matches =
            |view: &Shown<ImageView>| owned_by(view, &self.owners) && executable_by(view, &self.executable_users) && filters.matches(view);
        let search = Search::new(&IMAGE, &self.image_ids, page, &filters);
        let (found, next_token) = find_shown(ask, search, matches)?;
        let images = found.into_iter().map(Shown::into_message).collect::<Result<_, Fault>>()?;
        Ok(ec2::DescribeImagesResult { images, next_token })
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
