//! `AssignPrivateIpAddresses`: secondary addresses for an interface, named or drawn. A named one that another interface has as a secondary
//! one moves, where the request allows it.

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{EntityTrait, ModelTrait};

use super::message::missing;
use super::network_interfaces::{changeable, instance_type, within_limit};
use super::resolve::SUBNET;
use super::run_instances::{combination, invalid};
use crate::engine::Command;
use crate::network::elastic;
use crate::network::interface::{self, Secondary};
use crate::store::{Outcome, Tx, network_interface, private_address, subnet};

impl Command for ec2::AssignPrivateIpAddressesRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InsufficientFreeAddressesInSubnet,
        ErrorCode::InvalidIpAddressInUse,
        ErrorCode::InvalidNetworkInterfaceIdMalformed,
        ErrorCode::InvalidNetworkInterfaceIdNotFound,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
        ErrorCode::MissingParameter,
        ErrorCode::OperationNotPermitted,
        ErrorCode::PrivateIpAddressLimitExceeded,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::AssignPrivateIpAddressesResult> {
        let secondary = match (self.secondary_private_ip_address_count, self.private_ip_addresses.as_slice()) {
            (Some(_), [_, ..]) => {
                let message =
                    "The parameters secondaryPrivateIpAddressCount and privateIpAddress cannot be used together. Give one of the two.";
                return Err(combination(message).into());
            }
            (None, []) => return Err(missing("privateIpAddress or secondaryPrivateIpAddressCount").into()),
            (None, named) => Secondary::Named(named),
            (Some(count), []) => {
                let count = usize::try_from(count).ok().filter(|count| *count > 0);
                Secondary::Drawn(count.ok_or_else(|| invalid("secondaryPrivateIpAddressCount must be at least 1.".to_owned()))?)
            }
        };
        let row = changeable(tx, &self.network_interface_id).await?;
        let subnet = SUBNET.own::<subnet::Entity>(tx, &row.subnet_id).await?;
        let has = interface::addresses(tx, &row.network_interface_id).await?.len();
        within_limit(tx, instance_type(tx, &row.network_interface_id).await?.as_deref(), has + secondary.count())?;
        if let (Secondary::Named(addresses), Some(true)) = (secondary, self.allow_reassignment) {
            take_from_others(tx, &row, addresses).await?;
        }
        let added = interface::add_addresses(tx, &row, &subnet, secondary).await?;
        interface::restate(tx, &row.network_interface_id).await?;
        let assigned = |address: &std::net::Ipv4Addr| ec2::AssignedPrivateIpAddress { private_ip_address: Some(address.to_string()) };
        Ok(ec2::AssignPrivateIpAddressesResult {
            network_interface_id: Some(row.network_interface_id),
            assigned_private_ip_addresses: added.iter().map(assigned).collect(),
            ..Default::default()
        })
    }
}

/// The addresses leave whoever of the account has them, unless as a primary one. Elastic IPs go along.
async fn take_from_others(tx: &mut Tx, row: &network_interface::Model, addresses: &[String]) -> Outcome<()> {
    for address in addresses {
        let key = (row.subnet_id.clone(), address.clone());
        let Some(taken) = private_address::Entity::find_by_id(key).one(tx.db()).await? else { continue };
        if taken.is_primary {
            let message = format!("Address {address} is the primary address of {} and cannot be reassigned.", taken.network_interface_id);
            return Err(Fault::new(ErrorCode::InvalidParameterValue, message).into());
        }
        let from = taken.network_interface_id.clone();
        if let Some(elastic) = elastic::on(tx, &from, address).await? {
            elastic::move_with(tx, elastic, row).await?;
        }
        taken.delete(tx.db()).await?;
        interface::restate(tx, &from).await?;
    }
    Ok(())
}
