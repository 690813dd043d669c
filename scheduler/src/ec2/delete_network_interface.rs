//! `DeleteNetworkInterface`. Refused while it is attached.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::network_interfaces::{in_use, named};
use super::run_instances::invalid;
use crate::engine::Command;
use crate::network::interface;
use crate::store::{Outcome, Tx};

impl Command for ec2::DeleteNetworkInterfaceRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidNetworkInterfaceIdMalformed,
        ErrorCode::InvalidNetworkInterfaceIdNotFound,
        ErrorCode::InvalidParameterValue,
        ErrorCode::MissingParameter,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<()> {
        let row = named(tx, &self.network_interface_id).await?;
        if in_use(tx, &row.network_interface_id).await? {
            return Err(invalid(format!("Network interface '{}' is currently in use.", row.network_interface_id)).into());
        }
        interface::delete(tx, &row.network_interface_id).await
    }
}
