//! `UnassignPrivateIpAddresses`: secondary addresses leave an interface, and Elastic IPs leave them.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;
use sea_orm::ModelTrait;

use super::message::missing;
use super::network_interfaces::changeable;
use super::run_instances::invalid;
use crate::engine::Command;
use crate::network::{elastic, interface};
use crate::store::{Outcome, Tx};

impl Command for ec2::UnassignPrivateIpAddressesRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidNetworkInterfaceIdMalformed,
        ErrorCode::InvalidNetworkInterfaceIdNotFound,
        ErrorCode::InvalidParameterValue,
        ErrorCode::MissingParameter,
        ErrorCode::OperationNotPermitted,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<()> {
        if self.private_ip_addresses.is_empty() {
            return Err(missing("privateIpAddress").into());
        }
        let row = changeable(tx, &self.network_interface_id).await?;
        let has = interface::addresses(tx, &row.network_interface_id).await?;
        for address in &self.private_ip_addresses {
            match has.iter().find(|row| row.address == *address) {
                Some(found) if found.is_primary => {
                    return Err(invalid(format!("{address} is the primary address of {} and stays.", row.network_interface_id)).into());
                }
                Some(_) => {}
                None => {
                    let message =
                        format!("Some of the specified addresses are not assigned to interface {}: {address}", row.network_interface_id);
                    return Err(invalid(message).into());
                }
            }
        }
        for gone in has.into_iter().filter(|row| self.private_ip_addresses.contains(&row.address)) {
            elastic::leave_with(tx, &gone).await?;
            gone.delete(tx.db()).await?;
        }
        interface::restate(tx, &row.network_interface_id).await
    }
}
