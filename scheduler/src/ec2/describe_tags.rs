//! `DescribeTags`.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::message;
use super::model::tag::{FILTERS, TagView};
use crate::engine::{Ask, Query};
use crate::store::{Outcome, tag};

impl Query for ec2::DescribeTagsRequest {
    const ERRORS: &'static [ErrorCode] = &[ErrorCode::FilterLimitExceeded, ErrorCode::InvalidNextToken, ErrorCode::InvalidParameterValue];

    async fn answer(self, ask: &Ask) -> Outcome<ec2::DescribeTagsResult> {
        let page = ask.page(&self)?;
        let filters = FILTERS.compile(message::filters(&self.filters))?;
        let rows = tag::Entity::find().filter(tag::Column::AccountId.eq(ask.account())).all(&ask.read.snapshot().await?).await?;
        // No id has a space, so the place sorts by id and then by key.
        let view = |row: tag::Model| TagView { place: format!("{} {}", row.resource_id, row.key), row };
        let mut found: Vec<TagView> = rows.into_iter().map(view).filter(|tag| filters.matches(tag)).collect();
        found.sort_by(|a, b| a.place.cmp(&b.place));
        let (found, next_token) = page.cut(found, |tag| &tag.place)?;
        Ok(ec2::DescribeTagsResult { tags: found.iter().map(Into::into).collect(), next_token })
    }
}
