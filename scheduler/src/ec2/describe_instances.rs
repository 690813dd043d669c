//! `DescribeInstances`. A terminated instance is shown for an hour.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::find::{Search, find_shown};
use super::message;
use super::model::instance::reservations;
use super::model::instance_filters::FILTERS;
use super::resolve::INSTANCE;
use crate::engine::{Ask, Query};
use crate::store::Outcome;

impl Query for ec2::DescribeInstancesRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::FilterLimitExceeded,
        ErrorCode::InvalidInstanceIdMalformed,
        ErrorCode::InvalidInstanceIdNotFound,
        ErrorCode::InvalidNextToken,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
    ];

    async fn answer(self, ask: &Ask) -> Outcome<ec2::DescribeInstancesResult> {
        let page = ask.page(&self)?;
        let filters = FILTERS.compile(message::filters(&self.filters))?;
        let search = Search::new(&INSTANCE, &self.instance_ids, page, &filters);
        let (found, next_token) = find_shown(ask, search, |shown| filters.matches(shown))?;
        Ok(ec2::DescribeInstancesResult { reservations: reservations(found)?, next_token })
    }
}
