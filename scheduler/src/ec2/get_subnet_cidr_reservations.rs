//! `GetSubnetCidrReservations`: those of one subnet. Subnets are IPv4, and so is what is reserved in them.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::find::named;
use super::message::{self, missing};
use super::model::subnet::Subnet;
use super::model::subnet_cidr_reservation::{FILTERS, Reservation};
use super::resolve::SUBNET;
use crate::engine::{Ask, Query};
use crate::store::{Outcome, View};

impl Query for ec2::GetSubnetCidrReservationsRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::FilterLimitExceeded,
        ErrorCode::InvalidNextToken,
        ErrorCode::InvalidParameterValue,
        ErrorCode::InvalidSubnetIdMalformed,
        ErrorCode::InvalidSubnetIdNotFound,
        ErrorCode::MissingParameter,
    ];

    async fn answer(self, ask: &Ask) -> Outcome<ec2::GetSubnetCidrReservationsResult> {
        let page = ask.page(&self)?;
        if self.subnet_id.is_empty() {
            return Err(missing("subnetId").into());
        }
        let filters = FILTERS.compile(message::filters(&self.filters))?;
        let (rows, account) = (ask.rows(), ask.account());
        named::<Subnet>(&rows, account, &SUBNET, std::slice::from_ref(&self.subnet_id))?;
        let after = page.after().map(str::to_owned);
        let ids = rows.subnet_cidr_reservations.of(&self.subnet_id, after.as_deref());
        let found = ids.filter_map(|id| Reservation::one(&rows, account, id)).filter(|view| filters.matches(view));
        let (found, next_token) = page.take(found, Reservation::id)?;
        Ok(ec2::GetSubnetCidrReservationsResult {
            subnet_ipv4_cidr_reservations: found.iter().map(Into::into).collect(),
            subnet_ipv6_cidr_reservations: Vec::new(),
            next_token,
        })
    }
}
