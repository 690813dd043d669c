//! `DeleteNetworkAclEntry`. The last rule, which denies all, is not among those that have a number for clients.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;
use sea_orm::ModelTrait;

use super::delete_network_acl::named;
use crate::engine::Command;
use crate::network::{acl, restate};
use crate::store::{Outcome, Tx};

impl Command for ec2::DeleteNetworkAclEntryRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidNetworkAclEntryNotFound,
        ErrorCode::InvalidNetworkAclIdMalformed,
        ErrorCode::InvalidNetworkAclIdNotFound,
        ErrorCode::InvalidParameterValue,
        ErrorCode::MissingParameter,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<()> {
        let row = named(tx, &self.network_acl_id).await?;
        acl::entry(tx, &row, self.egress, self.rule_number).await?.delete(tx.db()).await?;
        restate(tx, &row.vpc_id).await
    }
}
