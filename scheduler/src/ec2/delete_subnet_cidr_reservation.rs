//! `DeleteSubnetCidrReservation`. Whatever has an address of the block keeps it.

use std::sync::Arc;

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::create_tags::tags_of;
use super::message::missing;
use super::resolve::SUBNET_CIDR_RESERVATION;
use crate::engine::Command;
use crate::network::cidr_reservation;
use crate::store::read::resources::Tagged;
use crate::store::{Outcome, Tx, subnet_cidr_reservation};

impl Command for ec2::DeleteSubnetCidrReservationRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidSubnetCidrReservationIdMalformed,
        ErrorCode::InvalidSubnetCidrReservationIdNotFound,
        ErrorCode::MissingParameter,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::DeleteSubnetCidrReservationResult> {
        if self.subnet_cidr_reservation_id.is_empty() {
            return Err(missing("subnetCidrReservationId").into());
        }
        let row = SUBNET_CIDR_RESERVATION.own::<subnet_cidr_reservation::Entity>(tx, &self.subnet_cidr_reservation_id).await?;
        let tags = tags_of(tx, &row.subnet_cidr_reservation_id).await?;
        let deleted = (&Tagged { item: Arc::new(row.clone()), tags }).into();
        cidr_reservation::delete(tx, row).await?;
        Ok(ec2::DeleteSubnetCidrReservationResult { deleted_subnet_cidr_reservation: Some(deleted) })
    }
}
