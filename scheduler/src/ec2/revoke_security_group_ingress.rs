//! `RevokeSecurityGroupIngress`.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::group_rules::{Asked, PlainRule, revoke};
use crate::engine::Command;
use crate::security_group::Direction;
use crate::store::{Outcome, Tx};

impl Command for ec2::RevokeSecurityGroupIngressRequest {
    const ERRORS: &'static [ErrorCode] = revoke::ERRORS;

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::RevokeSecurityGroupIngressResult> {
        let plain = PlainRule {
            ip_protocol: self.ip_protocol.as_deref(),
            from_port: self.from_port,
            to_port: self.to_port,
            cidr_ip: self.cidr_ip.as_deref(),
        };
        let asked = Asked {
            group_id: self.group_id.as_deref(),
            group_name: self.group_name.as_deref(),
            plain,
            ip_permissions: &self.ip_permissions,
            rule_ids: &self.security_group_rule_ids,
        };
        let (revoked_security_group_rules, unknown_ip_permissions) = revoke::revoke(tx, Direction::Ingress, asked).await?;
        Ok(ec2::RevokeSecurityGroupIngressResult { r#return: Some(true), revoked_security_group_rules, unknown_ip_permissions })
    }
}
