//! `AuthorizeSecurityGroupIngress`.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::group_rules::{Asked, PlainRule, authorize};
use crate::engine::Command;
use crate::security_group::Direction;
use crate::store::{Outcome, Tx};

impl Command for ec2::AuthorizeSecurityGroupIngressRequest {
    const ERRORS: &'static [ErrorCode] = authorize::ERRORS;

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::AuthorizeSecurityGroupIngressResult> {
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
            ..Asked::default()
        };
        let security_group_rules = authorize::authorize(tx, Direction::Ingress, asked, &self.tag_specifications).await?;
        Ok(ec2::AuthorizeSecurityGroupIngressResult { r#return: Some(true), security_group_rules })
    }
}
