//! `DescribeVpcPeeringConnections`.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::find::{Search, find_shown};
use super::message;
use super::model::vpc_peering_connection::FILTERS;
use super::resolve::VPC_PEERING_CONNECTION;
use super::shown::Shown;
use crate::engine::{Ask, Query};
use crate::store::Outcome;

impl Query for ec2::DescribeVpcPeeringConnectionsRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::FilterLimitExceeded,
        ErrorCode::InvalidNextToken,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
        ErrorCode::InvalidVpcPeeringConnectionIdMalformed,
        ErrorCode::InvalidVpcPeeringConnectionIdNotFound,
    ];

    async fn answer(self, ask: &Ask) -> Outcome<ec2::DescribeVpcPeeringConnectionsResult> {
        let page = ask.page(&self)?;
        let filters = FILTERS.compile(message::filters(&self.filters))?;
        let search = Search::new(&VPC_PEERING_CONNECTION, &self.vpc_peering_connection_ids, page, &filters);
        let (found, next_token) = find_shown(ask, search, |shown| filters.matches(shown))?;
        let vpc_peering_connections = found.into_iter().map(Shown::into_message).collect::<Result<_, _>>()?;
        Ok(ec2::DescribeVpcPeeringConnectionsResult { vpc_peering_connections, next_token })
    }
}
