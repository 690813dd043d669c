//! `ReplaceNetworkAclAssociation`: a subnet gets another ACL of its VPC, and the association another id.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;
use freehold_proto::id::NetworkAclAssociationId;
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel, ModelTrait};

use super::delete_network_acl::named;
use super::message::missing;
use super::resolve::NETWORK_ACL_ASSOCIATION;
use super::run_instances::invalid;
use crate::engine::Command;
use crate::network::restate;
use crate::store::{Outcome, Tx, network_acl, network_acl_association};

impl Command for ec2::ReplaceNetworkAclAssociationRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidAssociationIdMalformed,
        ErrorCode::InvalidAssociationIdNotFound,
        ErrorCode::InvalidNetworkAclIdMalformed,
        ErrorCode::InvalidNetworkAclIdNotFound,
        ErrorCode::InvalidParameterValue,
        ErrorCode::MissingParameter,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::ReplaceNetworkAclAssociationResult> {
        if self.association_id.is_empty() {
            return Err(missing("associationId").into());
        }
        let was = NETWORK_ACL_ASSOCIATION.own::<network_acl_association::Entity>(tx, &self.association_id).await?;
        let acl = named(tx, &self.network_acl_id).await?;
        let before = network_acl::Entity::find_by_id(&was.network_acl_id).one(tx.db()).await?;
        if before.is_none_or(|before| before.vpc_id != acl.vpc_id) {
            let message =
                format!("The network ACL '{}' and the subnet '{}' belong to different networks.", acl.network_acl_id, was.subnet_id);
            return Err(invalid(message).into());
        }
        let becomes = network_acl_association::Model {
            association_id: NetworkAclAssociationId::draw(tx.entropy()).into(),
            network_acl_id: acl.network_acl_id,
            ..was.clone()
        };
        was.delete(tx.db()).await?;
        let becomes = becomes.into_active_model().insert(tx.db()).await?;
        restate(tx, &acl.vpc_id).await?;
        Ok(ec2::ReplaceNetworkAclAssociationResult { new_association_id: Some(becomes.association_id) })
    }
}
