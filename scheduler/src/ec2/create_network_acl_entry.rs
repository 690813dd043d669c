//! `CreateNetworkAclEntry`.

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ActiveModelTrait, IntoActiveModel};

use super::delete_network_acl::named;
use crate::engine::Command;
use crate::network::{acl, restate};
use crate::store::{Outcome, Tx, is_unique_violation};

impl Command for ec2::CreateNetworkAclEntryRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidNetworkAclIdMalformed,
        ErrorCode::InvalidNetworkAclIdNotFound,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
        ErrorCode::MissingParameter,
        ErrorCode::NetworkAclEntryAlreadyExists,
        ErrorCode::NetworkAclEntryLimitExceeded,
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
        let inserted = given.row(&row)?.into_active_model().insert(tx.db()).await;
        if inserted.as_ref().is_err_and(is_unique_violation) {
            let message = format!("The network acl entry identified by {} already exists.", self.rule_number);
            return Err(Fault::new(ErrorCode::NetworkAclEntryAlreadyExists, message).into());
        }
        inserted?;
        acl::check_limit(tx, &row, self.egress).await?;
        restate(tx, &row.vpc_id).await
    }
}
