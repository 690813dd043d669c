//! `DescribeNatGateways`.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::find::{Search, find_shown};
use super::message;
use super::model::nat_gateway::FILTERS;
use super::resolve::NAT_GATEWAY;
use super::shown::Shown;
use crate::engine::{Ask, Query};
use crate::store::Outcome;

impl Query for ec2::DescribeNatGatewaysRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::FilterLimitExceeded,
        ErrorCode::InvalidNextToken,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
        ErrorCode::NatGatewayMalformed,
        ErrorCode::NatGatewayNotFound,
    ];

    async fn answer(self, ask: &Ask) -> Outcome<ec2::DescribeNatGatewaysResult> {
        let page = ask.page(&self)?;
        let filters = FILTERS.compile(message::filters(&self.filter))?;
        let search = Search::new(&NAT_GATEWAY, &self.nat_gateway_ids, page, &filters);
        let (found, next_token) = find_shown(ask, search, |shown| filters.matches(shown))?;
        let nat_gateways = found.into_iter().map(Shown::into_message).collect::<Result<_, _>>()?;
        Ok(ec2::DescribeNatGatewaysResult { nat_gateways, next_token })
    }
}
