//! `DescribeVpcEndpoints`.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::find::{Search, find_shown};
use super::message;
use super::model::vpc_endpoint::FILTERS;
use super::resolve::VPC_ENDPOINT;
use super::shown::Shown;
use crate::engine::{Ask, Query};
use crate::store::Outcome;

impl Query for ec2::DescribeVpcEndpointsRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::FilterLimitExceeded,
        ErrorCode::InvalidNextToken,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
        ErrorCode::InvalidVpcEndpointIdMalformed,
        ErrorCode::InvalidVpcEndpointIdNotFound,
    ];

    async fn answer(self, ask: &Ask) -> Outcome<ec2::DescribeVpcEndpointsResult> {
        let page = ask.page(&self)?;
        let filters = FILTERS.compile(message::filters(&self.filters))?;
        let search = Search::new(&VPC_ENDPOINT, &self.vpc_endpoint_ids, page, &filters);
        let (found, next_token) = find_shown(ask, search, |shown| filters.matches(shown))?;
        let vpc_endpoints = found.into_iter().map(Shown::into_message).collect::<Result<_, _>>()?;
        Ok(ec2::DescribeVpcEndpointsResult { vpc_endpoints, next_token })
    }
}
