//! `DescribeNetworkInterfaces`.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::find::{Search, find};
use super::message;
use super::model::network_interface::{FILTERS, shown};
use super::resolve::NETWORK_INTERFACE;
use crate::engine::{Ask, Query};
use crate::store::Outcome;

impl Query for ec2::DescribeNetworkInterfacesRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::FilterLimitExceeded,
        ErrorCode::InvalidNetworkInterfaceIdMalformed,
        ErrorCode::InvalidNetworkInterfaceIdNotFound,
        ErrorCode::InvalidNextToken,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
    ];

    async fn answer(self, ask: &Ask) -> Outcome<ec2::DescribeNetworkInterfacesResult> {
        let page = ask.page(&self)?;
        let filters = FILTERS.compile(message::filters(&self.filters))?;
        let search = Search::new(&NETWORK_INTERFACE, &self.network_interface_ids, page, &filters);
        let (found, next_token) = find(ask, search, |eni| filters.matches(eni))?;
        let network_interfaces = found.iter().map(|eni| shown(eni, &ask.settings)).collect();
        Ok(ec2::DescribeNetworkInterfacesResult { network_interfaces, next_token })
    }
}
