//! `DescribePrefixLists`: the cloud's own, with the blocks of their services.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::find::{Search, find_shown};
use super::message;
use super::model::prefix_list::SERVICE_FILTERS;
use super::resolve::PREFIX_LIST_OF_SERVICE;
use super::shown::Shown;
use crate::engine::{Ask, Query};
use crate::store::Outcome;

impl Query for ec2::DescribePrefixListsRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::FilterLimitExceeded,
        ErrorCode::InvalidNextToken,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
        ErrorCode::InvalidPrefixListIdMalformed,
        ErrorCode::InvalidPrefixListIdOfServiceNotFound,
    ];

    async fn answer(self, ask: &Ask) -> Outcome<ec2::DescribePrefixListsResult> {
        let page = ask.page(&self)?;
        let filters = SERVICE_FILTERS.compile(message::filters(&self.filters))?;
        let search = Search::new(&PREFIX_LIST_OF_SERVICE, &self.prefix_list_ids, page, &filters);
        let (found, next_token) = find_shown(ask, search, |shown| filters.matches(shown))?;
        let prefix_lists = found.into_iter().map(Shown::into_message).collect::<Result<_, _>>()?;
        Ok(ec2::DescribePrefixListsResult { prefix_lists, next_token })
    }
}
