//! `DescribeTags`.

use std::sync::Arc;

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::message;
use super::model::tag::{FILTERS, TagView};
use crate::engine::{Ask, Query};
use crate::store::{Outcome, Rows, tag};

impl Query for ec2::DescribeTagsRequest {
    const ERRORS: &'static [ErrorCode] = &[ErrorCode::FilterLimitExceeded, ErrorCode::InvalidNextToken, ErrorCode::InvalidParameterValue];

    async fn answer(self, ask: &Ask) -> Outcome<ec2::DescribeTagsResult> {
        let page = ask.page(&self)?;
        let filters = FILTERS.compile(message::filters(&self.filters))?;
        let rows = ask.rows();
        let after = page.after().map(str::to_owned);
        let all = tags(&rows, ask.account(), after.as_deref()).filter(|tag| filters.matches(tag));
        let (found, next_token) = page.take(all, |tag| &tag.place)?;
        Ok(ec2::DescribeTagsResult { tags: found.iter().map(Into::into).collect(), next_token })
    }
}

/// An account's tags by resource and key, from the place behind `after` on.
fn tags<'a>(rows: &'a Rows, account: &'a str, after: Option<&'a str>) -> impl Iterator<Item = TagView> + 'a {
    // No id has a space, so the place sorts by id and then by key.
    let first = after.and_then(|place| place.split(' ').next()).unwrap_or_default();
    let own = move |resource| rows.tags.get(resource).iter().filter(move |row| row.account_id == account);
    let view = |row: &Arc<tag::Model>| TagView { place: format!("{} {}", row.resource_id, row.key), row: Arc::clone(row) };
    rows.tags.of_from(account, first).flat_map(own).map(view).filter(move |tag| after.is_none_or(|after| *tag.place > *after))
}
