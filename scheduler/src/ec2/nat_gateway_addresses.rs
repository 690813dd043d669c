//! What the actions of a NAT gateway's secondary addresses share.

use std::collections::BTreeSet;

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};

use super::message::missing;
use super::model::nat_gateway::secondary;
use super::resolve::{ELASTIC_ADDRESS, NAT_GATEWAY};
use super::run_instances::invalid;
use crate::network::nat::address::{self, MOST, Wanted, status};
use crate::network::nat::{PUBLIC, state};
use crate::store::{Failure, Outcome, Tx, elastic_address, nat_gateway, nat_gateway_address};

/// Unless a request says how long.
const DRAIN_SECONDS: i32 = 350;
const LONGEST_DRAIN_SECONDS: i32 = 4_000;
/// What EC2 takes as a count; a gateway has fewer.
const MOST_OF_A_REQUEST: i32 = 31;

/// The caller's gateway, available and of this connectivity, with its secondary addresses, of which none comes or goes.
pub async fn changeable(tx: &Tx, id: &str, connectivity: &str) -> Outcome<(nat_gateway::Model, Vec<nat_gateway_address::Model>)> {
    if id.is_empty() {
        return Err(missing("natGatewayId").into());
    }
    let gateway = NAT_GATEWAY.own::<nat_gateway::Entity>(tx, id).await?;
    if gateway.connectivity_type != connectivity {
        let message = format!("The NAT gateway {id} is a {} one. This is for {connectivity} ones alone.", gateway.connectivity_type);
        return Err(Failure::refuse(ErrorCode::OperationNotPermitted, message));
    }
    if gateway.state != state::AVAILABLE {
        let message = format!("The NAT gateway {id} is {}. Its addresses can be changed while it is available.", gateway.state);
        return Err(Failure::refuse(ErrorCode::IncorrectState, message));
    }
    let addresses = address::of(tx.db(), id).await?;
    let busy: Vec<&nat_gateway_address::Model> = addresses.iter().filter(|row| row.status != status::SUCCEEDED).collect();
    if let Some(first) = busy.first() {
        let which: Vec<&str> = busy.iter().map(|row| row.allocation_id.as_ref().unwrap_or(&row.private_ip_address).as_str()).collect();
        let (doing, kind) = (first.status.to_uppercase(), if connectivity == PUBLIC { "EIPs" } else { "private IPs" });
        let message = format!("Service is currently {doing} the following {kind}: [{}]. Wait until that is done.", which.join(", "));
        return Err(Failure::refuse(ErrorCode::OperationInProgress, message));
    }
    Ok((gateway, addresses))
}

/// Refuses more addresses than a gateway has.
pub fn within_limit(connectivity: &str, count: usize) -> Result<(), Fault> {
    if count <= MOST {
        return Ok(());
    }
    let (code, kind) = if connectivity == PUBLIC {
        (ErrorCode::AddressLimitExceeded, "Elastic IP addresses")
    } else {
        (ErrorCode::PrivateIpAddressLimitExceeded, "private IP addresses")
    };
    Err(Fault::new(
        code,
        format!("A {connectivity} NAT gateway has at most {MOST} {kind}, its primary one among them; {count} are asked for."),
    ))
}

/// How many private addresses to draw.
pub fn count(asked: Option<i32>, least: i32, parameter: &str) -> Result<usize, Fault> {
    let asked = asked.unwrap_or_default();
    let within = Some(asked).filter(|count| (least..=MOST_OF_A_REQUEST).contains(count)).and_then(|count| usize::try_from(count).ok());
    let range = format!("It is between {least} and {MOST_OF_A_REQUEST}.");
    within.ok_or_else(|| invalid(format!("Value ({asked}) for parameter {parameter} is invalid. {range}")))
}

/// Elastic IPs of the caller's, with private addresses for the first of them.
pub async fn elastic(tx: &Tx, allocation_ids: &[String], named: Vec<String>) -> Outcome<Wanted> {
    let mut elastic = Vec::with_capacity(allocation_ids.len());
    for id in allocation_ids {
        elastic.push(ELASTIC_ADDRESS.own::<elastic_address::Entity>(tx, id).await?);
    }
    distinct(allocation_ids, "AllocationId")?;
    distinct(&named, "PrivateIpAddress")?;
    let drawn = elastic.len().checked_sub(named.len()).ok_or_else(|| {
        let message = "There are more private IP addresses than Elastic IP addresses. Each is for one of these; leave out the rest.";
        Fault::new(ErrorCode::InvalidParameterCombination, message)
    })?;
    Ok(Wanted { named, drawn, elastic })
}

/// Refuses what is named twice.
pub fn distinct(named: &[String], parameter: &str) -> Result<(), Fault> {
    let mut seen = BTreeSet::new();
    match named.iter().find(|one| !seen.insert(*one)) {
        Some(twice) => Err(invalid(format!("{parameter} has {twice} more than once. Name each once."))),
        None => Ok(()),
    }
}

/// How long open connections keep an address that is to go.
pub fn drain_millis(seconds: Option<i32>) -> Result<i64, Fault> {
    let seconds = seconds.unwrap_or(DRAIN_SECONDS);
    if !(1..=LONGEST_DRAIN_SECONDS).contains(&seconds) {
        let range = format!("It is between 1 and {LONGEST_DRAIN_SECONDS} seconds.");
        return Err(invalid(format!("Value ({seconds}) for parameter maxDrainDurationSeconds is invalid. {range}")));
    }
    Ok(i64::from(seconds) * 1_000)
}

/// Those that a request is about, as it is answered.
pub fn answer(gateway: &nat_gateway::Model, rows: &[nat_gateway_address::Model]) -> Vec<ec2::NatGatewayAddress> {
    rows.iter().map(|row| secondary(gateway, row)).collect()
}
