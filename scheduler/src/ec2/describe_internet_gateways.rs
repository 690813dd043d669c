//! `DescribeInternetGateways`.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::find::{Search, find};
use super::message;
use super::model::internet_gateway::FILTERS;
use super::resolve::INTERNET_GATEWAY;
use crate::engine::{Ask, Query};
use crate::store::Outcome;

impl Query for ec2::DescribeInternetGatewaysRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::FilterLimitExceeded,
        ErrorCode::InvalidInternetGatewayIdMalformed,
        ErrorCode::InvalidInternetGatewayIdNotFound,
        ErrorCode::InvalidNextToken,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
    ];

    async fn answer(self, ask: &Ask) -> Outcome<ec2::DescribeInternetGatewaysResult> {
        let page = ask.page(&self)?;
        let filters = FILTERS.compile(message::filters(&self.filters))?;
        let search = Search::new(&INTERNET_GATEWAY, &self.internet_gateway_ids, page, &filters);
        let (found, next_token) = find(ask, search, |found| filters.matches(found))?;
        Ok(ec2::DescribeInternetGatewaysResult { internet_gateways: found.iter().map(Into::into).collect(), next_token })
    }
}
