//! `ResetNetworkInterfaceAttribute`: the source/destination check, the one attribute that has a default to go back to.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::message::missing;
use super::modify_network_interface_attribute::check_source_dest;
use super::network_interfaces::changeable;
use crate::engine::Command;
use crate::store::{Outcome, Tx};

impl Command for ec2::ResetNetworkInterfaceAttributeRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidNetworkInterfaceIdMalformed,
        ErrorCode::InvalidNetworkInterfaceIdNotFound,
        ErrorCode::MissingParameter,
        ErrorCode::OperationNotPermitted,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<()> {
        let row = changeable(tx, &self.network_interface_id).await?;
        // Whatever the word is: that it is there asks for the reset.
        if self.source_dest_check.as_deref().is_none_or(str::is_empty) {
            return Err(missing("sourceDestCheck").into());
        }
        check_source_dest(tx, row, true).await
    }
}
