//! `DescribeVpcs`.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::find::{Search, find};
use super::message;
use super::model::vpc::FILTERS;
use super::resolve::VPC;
use crate::engine::{Ask, Query};
use crate::store::Outcome;

impl Query for ec2::DescribeVpcsRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::FilterLimitExceeded,
        ErrorCode::InvalidNextToken,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
        ErrorCode::InvalidVpcIdMalformed,
        ErrorCode::InvalidVpcIdNotFound,
    ];

    async fn answer(self, ask: &Ask) -> Outcome<ec2::DescribeVpcsResult> {
        let page = ask.page(&self)?;
        let filters = FILTERS.compile(message::filters(&self.filters))?;
        let search = Search::new(&VPC, &self.vpc_ids, page, &filters);
        let (vpcs, next_token) = find(ask, search, |vpc| filters.matches(vpc))?;
        Ok(ec2::DescribeVpcsResult { vpcs: vpcs.iter().map(Into::into).collect(), next_token })
    }
}
