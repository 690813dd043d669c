//! `DeleteTags`. A key without a value goes whatever its value; a key with a value (an empty one too) goes if the value is that one. No
//! keys at all: every tag of the client's own goes. What is not there is no error.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::create_tags::{taggable, touch};
use super::message::missing;
use crate::engine::Command;
use crate::store::{Outcome, Tx, tag};
use crate::tags;

impl Command for ec2::DeleteTagsRequest {
    const ERRORS: &'static [ErrorCode] = DELETE_TAGS_ERRORS;

    async fn run(self, tx: &mut Tx) -> Outcome<()> {
        for given in &self.tags {
            tags::check_key(given.key.as_deref().ok_or_else(|| missing("Tag.N.Key"))?)?;
        }
        for (id, kind) in taggable(tx, &self.resources).await? {
            delete(tx, id, &self.tags).await?;
            touch(tx, id, kind).await?;
        }
        Ok(())
    }
}

/// Those of `CreateTags` but the limit, which deleting can not pass.
const DELETE_TAGS_ERRORS: &[ErrorCode] = {
    let (all_but_last, _) = super::create_tags::TAGGING_ERRORS.split_at(super::create_tags::TAGGING_ERRORS.len() - 1);
    all_but_last
};

async fn delete(tx: &Tx, resource_id: &str, given: &[ec2::Tag]) -> Outcome<()> {
    let of_resource =
        || tag::Entity::delete_many().filter(tag::Column::AccountId.eq(tx.account())).filter(tag::Column::ResourceId.eq(resource_id));
    if given.is_empty() {
        of_resource().filter(tag::Column::Key.not_like("aws:%")).exec(tx.db()).await?;
    }
    for given in given {
        let mut one = of_resource().filter(tag::Column::Key.eq(given.key.as_deref()));
        if let Some(value) = &given.value {
            one = one.filter(tag::Column::Value.eq(value));
        }
        one.exec(tx.db()).await?;
    }
    Ok(())
}
