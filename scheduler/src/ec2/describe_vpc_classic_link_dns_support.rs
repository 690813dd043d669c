//! `DescribeVpcClassicLinkDnsSupport`: as of the links themselves, there is none.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::find::{Search, find};
use super::message;
use super::model::vpc::FILTERS;
use super::resolve::VPC;
use crate::engine::{Ask, Query};
use crate::store::Outcome;
use crate::store::read::networks::VpcView;

impl Query for ec2::DescribeVpcClassicLinkDnsSupportRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidNextToken,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
        ErrorCode::InvalidVpcIdMalformed,
        ErrorCode::InvalidVpcIdNotFound,
    ];

    async fn answer(self, ask: &Ask) -> Outcome<ec2::DescribeVpcClassicLinkDnsSupportResult> {
        let page = ask.page(&self)?;
        let filters = FILTERS.compile(message::filters(&[]))?;
        let search = Search::new(&VPC, &self.vpc_ids, page, &filters);
        let (found, next_token) = find(ask, search, |_: &VpcView| true)?;
        let support =
            |view: &VpcView| ec2::ClassicLinkDnsSupport { classic_link_dns_supported: Some(false), vpc_id: Some(view.vpc.vpc_id.clone()) };
        Ok(ec2::DescribeVpcClassicLinkDnsSupportResult { vpcs: found.iter().map(support).collect(), next_token })
    }
}
