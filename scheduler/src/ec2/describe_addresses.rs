//! `DescribeAddresses`. EC2 does not page it.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::allocate_address::absent;
use super::message;
use super::model::elastic_address::FILTERS;
use super::resolve::ELASTIC_ADDRESS;
use super::shown::Shown;
use crate::engine::{Ask, Query};
use crate::store::read::elastic::ElasticAddressView;
use crate::store::{Outcome, View};

impl Query for ec2::DescribeAddressesRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::FilterLimitExceeded,
        ErrorCode::InvalidAddressNotFound,
        ErrorCode::InvalidAllocationIdMalformed,
        ErrorCode::InvalidAllocationIdNotFound,
        ErrorCode::InvalidParameterValue,
    ];

    async fn answer(self, ask: &Ask) -> Outcome<ec2::DescribeAddressesResult> {
        let filters = FILTERS.compile(message::filters(&self.filters))?;
        self.allocation_ids.iter().try_for_each(|id| ELASTIC_ADDRESS.check(id))?;
        // An account has few and may name them by address: all are read.
        let mut all: Vec<ElasticAddressView> = ElasticAddressView::all(&ask.rows(), ask.account(), None).collect();
        ELASTIC_ADDRESS.all_found(&self.allocation_ids, all.iter().map(View::id))?;
        if let Some(missing) = self.public_ips.iter().find(|asked| !all.iter().any(|view| view.address.address == **asked)) {
            return Err(absent(missing).into());
        }
        let everything = self.allocation_ids.is_empty() && self.public_ips.is_empty();
        all.retain(|view| {
            let row = &view.address;
            everything || self.allocation_ids.contains(&row.allocation_id) || self.public_ips.contains(&row.address)
        });
        let shown = all.into_iter().map(|view| Shown::new(view, &ask.settings)).filter(|shown| filters.matches(shown));
        Ok(ec2::DescribeAddressesResult { addresses: shown.map(Shown::into_message).collect::<Result<_, _>>()? })
    }
}
