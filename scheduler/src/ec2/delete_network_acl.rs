//! `DeleteNetworkAcl`. Refused while a subnet has it, and for a VPC's default one.

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::message::missing;
use super::resolve::NETWORK_ACL;
use super::run_instances::invalid;
use crate::engine::Command;
use crate::network::acl;
use crate::store::{Outcome, Tx, network_acl, network_acl_association};

impl Command for ec2::DeleteNetworkAclRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::DependencyViolation,
        ErrorCode::InvalidNetworkAclIdMalformed,
        ErrorCode::InvalidNetworkAclIdNotFound,
        ErrorCode::InvalidParameterValue,
        ErrorCode::MissingParameter,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<()> {
        let row = named(tx, &self.network_acl_id).await?;
        let id = &row.network_acl_id;
        if row.is_default {
            return Err(invalid(format!("The network ACL '{id}' is the default one of its VPC and goes with it.")).into());
        }
        let associated = network_acl_association::Entity::find().filter(network_acl_association::Column::NetworkAclId.eq(id));
        if let Some(associated) = associated.one(tx.db()).await? {
            let message = format!(
                "The networkAcl '{id}' has dependencies and cannot be deleted: {} has it. Give that another one first.",
                associated.subnet_id
            );
            return Err(Fault::new(ErrorCode::DependencyViolation, message).into());
        }
        acl::delete(tx, row).await
    }
}

/// The caller's ACL.
pub async fn named(tx: &Tx, id: &str) -> Outcome<network_acl::Model> {
    if id.is_empty() {
        return Err(missing("networkAclId").into());
    }
    NETWORK_ACL.own::<network_acl::Entity>(tx, id).await
}
