//! `DescribeSubnets`.

use std::net::Ipv4Addr;

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;
use ipnet::Ipv4Net;

use super::find::{Search, find_as};
use super::message;
use super::model::subnet::{FILTERS, Subnet, SubnetView};
use super::resolve::SUBNET;
use crate::addresses::capacity;
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

/// What is reserved does not count as available, and what has an address of it takes none of the others.
fn view(ask: &Ask, rows: &Rows, subnet: Subnet) -> SubnetView {
    let id = &subnet.item.subnet_id;
    let reservations = rows.subnet_cidr_reservations.of(id, None).filter_map(|id| rows.subnet_cidr_reservations.one(id));
    let reserved: Vec<Ipv4Net> = reservations.filter_map(|row| row.cidr.parse().ok()).collect();
    let taken = match reserved.as_slice() {
        [] => rows.private_addresses.count(id),
        reserved => {
            let addresses = rows.private_addresses.of(id, None).flat_map(|interface| rows.private_addresses.get(interface));
            let addresses = addresses.filter_map(|row| row.address.parse::<Ipv4Addr>().ok());
            addresses.filter(|address| !reserved.iter().any(|block| block.contains(address))).count()
        }
    };
    let capacity = subnet.item.cidr_block.parse().map_or(0, |block| capacity(block, &reserved));
    SubnetView::new(subnet, &ask.settings, capacity.saturating_sub(taken))
}
