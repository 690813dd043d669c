//! `DescribeVpcs`.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::message;
use super::model::vpc::FILTERS;
use super::resolve::VPC;
use crate::engine::{Ask, Query};
use crate::store::read::resources;
use crate::store::{Outcome, vpc};

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
        let select = VPC.select(&self.vpc_ids)?;
        let mut vpcs = resources::load::<vpc::Entity>(&ask.read.snapshot().await?, ask.account(), &select).await?;
        VPC.all_found(&self.vpc_ids, vpcs.iter().map(|vpc| vpc.item.vpc_id.as_str()))?;
        vpcs.retain(|vpc| filters.matches(vpc));
        let (vpcs, next_token) = page.cut(vpcs, |vpc| &vpc.item.vpc_id)?;
        Ok(ec2::DescribeVpcsResult { vpcs: vpcs.iter().map(Into::into).collect(), next_token })
    }
}
