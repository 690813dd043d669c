//! `DescribeSubnets`.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::find::{Search, find_as};
use super::message;
use super::model::subnet::{FILTERS, Subnet, SubnetView};
use super::resolve::SUBNET;
use crate::engine::{Ask, Query};
use crate::store::{Outcome, Rows};

impl Query for ec2::DescribeSubnetsRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::FilterLimitExceeded,
        ErrorCode::InvalidNextToken,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
        ErrorCode::InvalidSubnetIdMalformed,
        ErrorCode::InvalidSubnetIdNotFound,
    ];

    async fn answer(self, ask: &Ask) -> Outcome<ec2::DescribeSubnetsResult> {
        let page = ask.page(&self)?;
        let filters = FILTERS.compile(message::filters(&self.filters))?;
        let shape = |rows: &Rows, subnet| view(ask, rows, subnet);
        let search = Search::new(&SUBNET, &self.subnet_ids, page, &filters);
        let (views, next_token) = find_as(ask, search, shape, subnet_id, |view| filters.matches(view))?;
        Ok(ec2::DescribeSubnetsResult { subnets: views.iter().map(Into::into).collect(), next_token })
    }
}

fn subnet_id(view: &SubnetView) -> &str {
    &view.subnet.item.subnet_id
}

fn view(ask: &Ask, rows: &Rows, subnet: Subnet) -> SubnetView {
    let used = rows.private_addresses.count(&subnet.item.subnet_id);
    SubnetView::new(subnet, &ask.settings, used)
}
