//! `DeleteDhcpOptions`. Refused while a VPC has the set.

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ColumnTrait, EntityTrait, ModelTrait, QueryFilter};

use super::create_tags::remove_tags;
use super::message::missing;
use super::resolve::DHCP_OPTIONS;
use crate::engine::Command;
use crate::store::{Outcome, Tx, dhcp_options, vpc};

impl Command for ec2::DeleteDhcpOptionsRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::DependencyViolation,
        ErrorCode::InvalidDhcpOptionsIdMalformed,
        ErrorCode::InvalidDhcpOptionsIdNotFound,
        ErrorCode::MissingParameter,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<()> {
        if self.dhcp_options_id.is_empty() {
            return Err(missing("dhcpOptionsId").into());
        }
        let row = DHCP_OPTIONS.own::<dhcp_options::Entity>(tx, &self.dhcp_options_id).await?;
        let id = &row.dhcp_options_id;
        if let Some(vpc) = vpc::Entity::find().filter(vpc::Column::DhcpOptionsId.eq(id)).one(tx.db()).await? {
            let message = format!(
                "The dhcpOptions '{id}' has dependencies and cannot be deleted: {} has it. Associate that with another set first.",
                vpc.vpc_id
            );
            return Err(Fault::new(ErrorCode::DependencyViolation, message).into());
        }
        remove_tags(tx, id).await?;
        row.delete(tx.db()).await?;
        Ok(())
    }
}
