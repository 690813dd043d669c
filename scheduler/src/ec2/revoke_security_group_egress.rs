//! `RevokeSecurityGroupEgress`.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::group_rules::{Asked, revoke};
use crate::engine::Command;
use crate::security_group::Direction;
use crate::store::{Outcome, Tx};

impl Command for ec2::RevokeSecurityGroupEgressRequest {
    const ERRORS: &'static [ErrorCode] = revoke::ERRORS;

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::RevokeSecurityGroupEgressResult> {
        let asked = Asked {
            group_id: Some(&self.group_id),
            ip_permissions: &self.ip_permissions,
            rule_ids: &self.security_group_rule_ids,
            ..Asked::default()
        };
        let (revoked_security_group_rules, unknown_ip_permissions) = revoke::revoke(tx, Direction::Egress, asked).await?;
        Ok(ec2::RevokeSecurityGroupEgressResult { r#return: Some(true), revoked_security_group_rules, unknown_ip_permissions })
    }
}
