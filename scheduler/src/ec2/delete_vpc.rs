//! `DeleteVpc`.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::message::missing;
use super::resolve::VPC;
use crate::engine::Command;
use crate::network;
use crate::store::{Outcome, Tx, vpc};

impl Command for ec2::DeleteVpcRequest {
    const ERRORS: &'static [ErrorCode] =
        &[ErrorCode::DependencyViolation, ErrorCode::InvalidVpcIdMalformed, ErrorCode::InvalidVpcIdNotFound, ErrorCode::MissingParameter];

    async fn run(self, tx: &mut Tx) -> Outcome<()> {
        if self.vpc_id.is_empty() {
            return Err(missing("vpcId").into());
        }
        let row = VPC.own::<vpc::Entity>(tx, &self.vpc_id).await?;
        network::vpc::delete(tx, row).await
    }
}
