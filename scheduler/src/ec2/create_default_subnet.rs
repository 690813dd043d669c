//! `CreateDefaultSubnet`: for a zone whose default subnet was deleted.

use std::collections::BTreeMap;

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};

use super::create_subnet::{message_of, zone_of};
use super::message::missing;
use crate::engine::Command;
use crate::network::{default, subnet};
use crate::store::{Outcome, Tx};

impl Command for ec2::CreateDefaultSubnetRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::DefaultSubnetAlreadyExistsInAvailabilityZone,
        ErrorCode::DefaultVpcDoesNotExist,
        ErrorCode::InsufficientCidrBlocks,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
        ErrorCode::MissingParameter,
        ErrorCode::SubnetLimitExceeded,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::CreateDefaultSubnetResult> {
        let zone = zone_of(tx, self.availability_zone.as_deref(), self.availability_zone_id.as_deref())?;
        let zone = zone.ok_or_else(|| missing("availabilityZone"))?.name;
        let vpc = default::of_account(tx).await?.ok_or_else(|| {
            let message = "No default VPC exists for this account in this region. Make one with CreateDefaultVpc first.";
            Fault::new(ErrorCode::DefaultVpcDoesNotExist, message)
        })?;
        let there = subnet::in_vpc(tx, &vpc.vpc_id).await?;
        if let Some(there) = there.iter().find(|row| row.default_for_az && row.availability_zone == zone) {
            let message = format!("'{}' is already the default subnet in {zone}.", there.subnet_id);
            return Err(Fault::new(ErrorCode::DefaultSubnetAlreadyExistsInAvailabilityZone, message).into());
        }
        let row = default::create_subnet(tx, &vpc, &zone).await?;
        Ok(ec2::CreateDefaultSubnetResult { subnet: Some(message_of(tx, row, BTreeMap::new())) })
    }
}
