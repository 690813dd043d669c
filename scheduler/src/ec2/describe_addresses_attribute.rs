//! `DescribeAddressesAttribute`: the names of addresses. Where the attribute is asked for, what has none is not shown: clients wait for that
//! after a reset.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::find::{Search, find};
use super::message;
use super::model::elastic_address::{attribute, check_attribute};
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
        let asked = self.attribute.as_deref().filter(|attribute| !attribute.is_empty());
        asked.map_or(Ok(()), check_attribute)?;
        let filters = FILTERS.compile(message::filters(&[]))?;
        let search = Search::new(&ELASTIC_ADDRESS, &self.allocation_ids, page, &filters);
        let (found, next_token) = find(ask, search, |view: &ElasticAddressView| asked.is_none() || view.address.ptr_record.is_some())?;
        let addresses = found.iter().map(|view: &ElasticAddressView| attribute(&view.address)).collect();
        Ok(ec2::DescribeAddressesAttributeResult { addresses, next_token })
    }
}
