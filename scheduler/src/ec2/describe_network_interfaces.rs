//! `DescribeNetworkInterfaces`.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::message;
use super::model::network_interface::{FILTERS, shown};
use super::resolve::NETWORK_INTERFACE;
use crate::engine::{Ask, Query};
use crate::store::Outcome;
use crate::store::read::{interfaces, resources};

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
        let select = NETWORK_INTERFACE.select(&self.network_interface_ids)?;
        let db = ask.read.snapshot().await?;
        let found = interfaces::load(&db, ask.account(), &select).await?;
        NETWORK_INTERFACE.all_found(&self.network_interface_ids, found.iter().map(|view| view.interface.network_interface_id.as_str()))?;
        let mut found = resources::with_tags(&db, ask.account(), &select, found, |view| &view.interface.network_interface_id).await?;
        found.retain(|eni| filters.matches(eni));
        let (found, next_token) = page.cut(found, |eni| &eni.item.interface.network_interface_id)?;
        let network_interfaces = found.iter().map(|eni| shown(eni, &ask.settings)).collect();
        Ok(ec2::DescribeNetworkInterfacesResult { network_interfaces, next_token })
    }
}
