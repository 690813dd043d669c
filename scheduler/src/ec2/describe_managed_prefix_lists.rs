//! `DescribeManagedPrefixLists`: the account's own, and the cloud's.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::find::{Search, find_shown};
use super::message;
use super::model::prefix_list::FILTERS;
use super::resolve::PREFIX_LIST;
use super::shown::Shown;
use crate::engine::{Ask, Query};
use crate::store::Outcome;

impl Query for ec2::DescribeManagedPrefixListsRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::FilterLimitExceeded,
        ErrorCode::InvalidNextToken,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
        ErrorCode::InvalidPrefixListIdMalformed,
        ErrorCode::InvalidPrefixListIdNotFound,
    ];

    async fn answer(self, ask: &Ask) -> Outcome<ec2::DescribeManagedPrefixListsResult> {
        let page = ask.page(&self)?;
        let filters = FILTERS.compile(message::filters(&self.filters))?;
        let search = Search::new(&PREFIX_LIST, &self.prefix_list_ids, page, &filters);
        let (found, next_token) = find_shown(ask, search, |shown| filters.matches(shown))?;
        let prefix_lists = found.into_iter().map(Shown::into_message).collect::<Result<_, _>>()?;
        Ok(ec2::DescribeManagedPrefixListsResult { prefix_lists, next_token })
    }
}
