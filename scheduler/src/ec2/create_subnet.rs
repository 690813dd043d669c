//! `CreateSubnet`.

use std::sync::Arc;

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};

use super::create_tags::insert_tags;
use super::message::{self, missing};
use super::model::subnet::SubnetView;
use super::resolve::{SUBNET, VPC};
use super::run_instances::{combination, invalid};
use crate::addresses::capacity;
use crate::engine::Command;
use crate::network::subnet;
use crate::settings::Zone;
use crate::store::read::resources::Tagged;
use crate::store::{Outcome, Tx, subnet as subnet_row, vpc};
use crate::tags::Tags;

impl Command for ec2::CreateSubnetRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
        ErrorCode::InvalidSubnetConflict,
        ErrorCode::InvalidSubnetRange,
        ErrorCode::InvalidVpcIdMalformed,
        ErrorCode::InvalidVpcIdNotFound,
        ErrorCode::MissingParameter,
        ErrorCode::SubnetLimitExceeded,
        ErrorCode::TagLimitExceeded,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::CreateSubnetResult> {
        if self.vpc_id.is_empty() {
            return Err(missing("vpcId").into());
        }
        let cidr_block = self.cidr_block.as_deref().filter(|block| !block.is_empty()).ok_or_else(|| missing("cidrBlock"))?;
        let tags = message::tags_on_create(SUBNET.resource_type, &self.tag_specifications)?;
        let vpc = VPC.own::<vpc::Entity>(tx, &self.vpc_id).await?;
        let availability_zone = match zone_of(tx, self.availability_zone.as_deref(), self.availability_zone_id.as_deref())? {
            Some(zone) => zone.name,
            None => emptiest_zone(tx, &vpc.vpc_id).await?,
        };
        let row = subnet::create(tx, &vpc, subnet::New { availability_zone, cidr_block, is_default: false }).await?;
        insert_tags(tx, &row.subnet_id, SUBNET.resource_type, &tags).await?;
        Ok(ec2::CreateSubnetResult { subnet: Some(message_of(tx, row, tags)) })
    }
}

/// The zone that a request names, if it names one.
pub fn zone_of(tx: &Tx, name: Option<&str>, id: Option<&str>) -> Result<Option<Zone>, Fault> {
    let given = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    let zones = &tx.settings().zones;
    let (parameter, word, found) = match (given(name), given(id)) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => return Err(combination("You cannot specify both availabilityZone and availabilityZoneId.")),
        (Some(name), None) => ("availabilityZone", name.clone(), zones.iter().find(|zone| zone.name == name)),
        (None, Some(id)) => ("availabilityZoneId", id.clone(), zones.iter().find(|zone| zone.id == id)),
    };
    let unknown = || {
        let known: Vec<&str> = zones.iter().map(|zone| if parameter == "availabilityZone" { &*zone.name } else { &*zone.id }).collect();
        let known = known.join(", ");
        invalid(format!(
            "Value ({word}) for parameter {parameter} is invalid. Subnets can currently only be created in the following availability \
             zones: {known}."
        ))
    };
    found.cloned().map(Some).ok_or_else(unknown)
}

/// Where the client leaves the choice: the zone with the fewest of the VPC's subnets, the first of several.
async fn emptiest_zone(tx: &Tx, vpc_id: &str) -> Outcome<String> {
    let there = subnet::in_vpc(tx, vpc_id).await?;
    let subnets = |zone: &&Zone| there.iter().filter(|row| row.availability_zone == zone.name).count();
    let zone = tx.settings().zones.iter().min_by_key(subnets);
    Ok(zone.ok_or_else(|| Fault::internal("there is no zone", "none is configured"))?.name.clone())
}

/// A subnet that nobody is in yet.
pub fn message_of(tx: &Tx, row: subnet_row::Model, tags: Tags) -> ec2::Subnet {
    let available = row.cidr_block.parse().map_or(0, |block| capacity(block, &[]));
    (&SubnetView::new(Tagged { item: Arc::new(row), tags }, tx.settings(), available)).into()
}
