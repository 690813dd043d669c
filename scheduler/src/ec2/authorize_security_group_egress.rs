//! `AuthorizeSecurityGroupEgress`.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::group_rules::{Asked, authorize};
use crate::engine::Command;
use crate::security_group::Direction;
use crate::store::{Outcome, Tx};

impl Command for ec2::AuthorizeSecurityGroupEgressRequest {
    const ERRORS: &'static [ErrorCode] = authorize::ERRORS;

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::AuthorizeSecurityGroupEgressResult> {
        let asked = Asked { group_id: Some(&self.group_id), ip_permissions: &self.ip_permissions, ..Asked::default() };
        let security_group_rules = authorize::authorize(tx, Direction::Egress, asked, &self.tag_specifications).await?;
        Ok(ec2::AuthorizeSecurityGroupEgressResult { r#return: Some(true), security_group_rules })
    }
}
