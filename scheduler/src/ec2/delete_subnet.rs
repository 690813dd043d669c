//! `DeleteSubnet`.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::message::missing;
use super::resolve::SUBNET;
use crate::engine::Command;
use crate::network;
use crate::store::{Outcome, Tx, subnet};

impl Command for ec2::DeleteSubnetRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::DependencyViolation,
        ErrorCode::InvalidSubnetIdMalformed,
        ErrorCode::InvalidSubnetIdNotFound,
        ErrorCode::MissingParameter,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<()> {
        if self.subnet_id.is_empty() {
            return Err(missing("subnetId").into());
        }
        let row = SUBNET.own::<subnet::Entity>(tx, &self.subnet_id).await?;
        network::subnet::delete(tx, row).await
    }
}
