//! `DescribeAddressesAttribute`. Addresses have no names of their own here, so none is shown.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::find::{Search, find};
use super::message;
use super::resolve::ELASTIC_ADDRESS;
use crate::engine::{Ask, Query};
use crate::filter::Table;
use crate::store::Outcome;
use crate::store::read::elastic::ElasticAddressView;

/// It has no filters.
const FILTERS: Table<ElasticAddressView> = Table { names: &[], tags: None };

impl Query for ec2::DescribeAddressesAttributeRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidAllocationIdMalformed,
        ErrorCode::InvalidAllocationIdNotFound,
        ErrorCode::InvalidNextToken,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
    ];

    async fn answer(self, ask: &Ask) -> Outcome<ec2::DescribeAddressesAttributeResult> {
        let page = ask.page(&self)?;
        let filters = FILTERS.compile(message::filters(&[]))?;
        let search = Search::new(&ELASTIC_ADDRESS, &self.allocation_ids, page, &filters);
        let (found, next_token) = find(ask, search, |_: &ElasticAddressView| true)?;
        let attribute = |view: ElasticAddressView| ec2::AddressAttribute {
            allocation_id: Some(view.address.allocation_id.clone()),
            public_ip: Some(view.address.address.clone()),
            ..ec2::AddressAttribute::default()
        };
        Ok(ec2::DescribeAddressesAttributeResult { addresses: found.into_iter().map(attribute).collect(), next_token })
    }
}
