//! `CreateNetworkAcl`.

use std::sync::Arc;

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use super::create_tags::insert_tags;
use super::message::{self, missing};
use super::resolve::{NETWORK_ACL, VPC};
use super::shown::Shows;
use crate::engine::Command;
use crate::network::acl;
use crate::store::read::networks::NetworkAclView;
use crate::store::{Outcome, Tx, network_acl_entry, vpc};

impl Command for ec2::CreateNetworkAclRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidParameterValue,
        ErrorCode::InvalidVpcIdMalformed,
        ErrorCode::InvalidVpcIdNotFound,
        ErrorCode::MissingParameter,
        ErrorCode::NetworkAclLimitExceeded,
        ErrorCode::TagLimitExceeded,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::CreateNetworkAclResult> {
        if self.vpc_id.is_empty() {
            return Err(missing("vpcId").into());
        }
        let tags = message::tags_on_create(NETWORK_ACL.resource_type, &self.tag_specifications)?;
        let vpc = VPC.own::<vpc::Entity>(tx, &self.vpc_id).await?;
        let row = acl::create(tx, &vpc).await?;
        insert_tags(tx, &row.network_acl_id, NETWORK_ACL.resource_type, &tags).await?;
        let entries = network_acl_entry::Entity::find().filter(network_acl_entry::Column::NetworkAclId.eq(&row.network_acl_id));
        let entries = entries.order_by_asc(network_acl_entry::Column::IsEgress).all(tx.db()).await?;
        let entries = entries.into_iter().map(Arc::new).collect();
        let view = NetworkAclView { acl: Arc::new(row), tags, entries, associations: Vec::new() };
        Ok(ec2::CreateNetworkAclResult { network_acl: Some(view.message(tx.settings())?), client_token: self.client_token })
    }
}
