//! `DeleteInternetGateway`. Refused while it is attached.

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::ModelTrait;

use super::create_tags::remove_tags;
use super::message::missing;
use super::resolve::INTERNET_GATEWAY;
use crate::engine::Command;
use crate::store::{Outcome, Tx, internet_gateway};

impl Command for ec2::DeleteInternetGatewayRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::DependencyViolation,
        ErrorCode::InvalidInternetGatewayIdMalformed,
        ErrorCode::InvalidInternetGatewayIdNotFound,
        ErrorCode::MissingParameter,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<()> {
        if self.internet_gateway_id.is_empty() {
            return Err(missing("internetGatewayId").into());
        }
        let row = INTERNET_GATEWAY.own::<internet_gateway::Entity>(tx, &self.internet_gateway_id).await?;
        if let Some(vpc_id) = &row.vpc_id {
            let message = format!(
                "The internetGateway '{}' has dependencies and cannot be deleted: it is attached to {vpc_id}. Detach it first.",
                row.internet_gateway_id
            );
            return Err(Fault::new(ErrorCode::DependencyViolation, message).into());
        }
        remove_tags(tx, &row.internet_gateway_id).await?;
        row.delete(tx.db()).await?;
        Ok(())
    }
}
