//! `CreateSubnetCidrReservation`.

use std::sync::Arc;

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};

use super::create_tags::insert_tags;
use super::message::{self, missing};
use super::resolve::{SUBNET, SUBNET_CIDR_RESERVATION};
use super::run_instances::invalid;
use crate::engine::Command;
use crate::network::cidr_reservation::{self, TYPES};
use crate::store::read::resources::Tagged;
use crate::store::{Outcome, Tx, subnet};

impl Command for ec2::CreateSubnetCidrReservationRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidParameterValue,
        ErrorCode::InvalidSubnetIdMalformed,
        ErrorCode::InvalidSubnetIdNotFound,
        ErrorCode::MissingParameter,
        ErrorCode::TagLimitExceeded,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::CreateSubnetCidrReservationResult> {
        for (word, given) in [("subnetId", &self.subnet_id), ("cidr", &self.cidr), ("reservationType", &self.reservation_type)] {
            if given.is_empty() {
                return Err(missing(word).into());
            }
        }
        check_type(&self.reservation_type)?;
        check_description(self.description.as_deref())?;
        let tags = message::tags_on_create(SUBNET_CIDR_RESERVATION.resource_type, &self.tag_specifications)?;
        let subnet = SUBNET.own::<subnet::Entity>(tx, &self.subnet_id).await?;
        let new = cidr_reservation::New { cidr: &self.cidr, reservation_type: self.reservation_type, description: self.description };
        let row = cidr_reservation::create(tx, &subnet, new).await?;
        insert_tags(tx, &row.subnet_cidr_reservation_id, SUBNET_CIDR_RESERVATION.resource_type, &tags).await?;
        let subnet_cidr_reservation = Some((&Tagged { item: Arc::new(row), tags }).into());
        Ok(ec2::CreateSubnetCidrReservationResult { subnet_cidr_reservation })
    }
}

const LONGEST_DESCRIPTION: usize = 255;

fn check_description(given: Option<&str>) -> Result<(), Fault> {
    if given.is_some_and(|text| text.chars().count() > LONGEST_DESCRIPTION) {
        return Err(invalid(format!("The description of a reservation has at most {LONGEST_DESCRIPTION} characters.")));
    }
    Ok(())
}

fn check_type(given: &str) -> Result<(), Fault> {
    if TYPES.contains(&given) {
        return Ok(());
    }
    Err(invalid(format!("Value ({given}) for parameter reservationType is invalid. It is prefix or explicit.")))
}
