//! `ReplaceNetworkAclEntry`.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;
use sea_orm::{ActiveModelTrait, IntoActiveModel, ModelTrait};

use super::delete_network_acl::named;
use crate::engine::Command;
use crate::network::{acl, restate};
use crate::store::{Outcome, Tx};

impl Command for ec2::ReplaceNetworkAclEntryRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidNetworkAclEntryNotFound,
        ErrorCode::InvalidNetworkAclIdMalformed,
        ErrorCode::InvalidNetworkAclIdNotFound,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
        ErrorCode::MissingParameter,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<()> {
        let row = named(tx, &self.network_acl_id).await?;
        let given = acl::Given {
            rule_number: self.rule_number,
            is_egress: self.egress,
            protocol: &self.protocol,
            rule_action: &self.rule_action,
            cidr_block: self.cidr_block.as_deref(),
            ipv6_cidr_block: self.ipv6_cidr_block.as_deref(),
            port_range: self.port_range.as_ref(),
            icmp: self.icmp_type_code.as_ref(),
        };
        let becomes = given.row(&row)?;
        acl::entry(tx, &row, self.egress, self.rule_number).await?.delete(tx.db()).await?;
        becomes.into_active_model().insert(tx.db()).await?;
        restate(tx, &row.vpc_id).await
    }
}
