//! `CreateDefaultVpc`: for an account that has deleted its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};

use crate::engine::Command;
use crate::network::default;
use crate::store::read::networks::VpcView;
use crate::store::{Outcome, Tx};

impl Command for ec2::CreateDefaultVpcRequest {
    const ERRORS: &'static [ErrorCode] = &[ErrorCode::DefaultVpcAlreadyExists];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::CreateDefaultVpcResult> {
        if let Some(there) = default::of_account(tx).await? {
            let message = format!("A Default VPC already exists for this account in this region: '{}'.", there.vpc_id);
            return Err(Fault::new(ErrorCode::DefaultVpcAlreadyExists, message).into());
        }
        let row = default::create(tx).await?;
        let view = VpcView { vpc: Arc::new(row), tags: BTreeMap::new(), other_blocks: Vec::new() };
        Ok(ec2::CreateDefaultVpcResult { vpc: Some((&view).into()) })
    }
}
