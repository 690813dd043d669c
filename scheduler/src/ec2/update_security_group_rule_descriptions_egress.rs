//! `UpdateSecurityGroupRuleDescriptionsEgress`.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::group_rules::{Asked, descriptions};
use crate::engine::Command;
use crate::security_group::Direction;
use crate::store::{Outcome, Tx};

impl Command for ec2::UpdateSecurityGroupRuleDescriptionsEgressRequest {
    const ERRORS: &'static [ErrorCode] = descriptions::ERRORS;

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::UpdateSecurityGroupRuleDescriptionsEgressResult> {
        let asked = Asked {
            group_id: self.group_id.as_deref(),
            group_name: self.group_name.as_deref(),
            ip_permissions: &self.ip_permissions,
            ..Asked::default()
        };
        descriptions::update(tx, Direction::Egress, asked, &self.security_group_rule_descriptions).await?;
        Ok(ec2::UpdateSecurityGroupRuleDescriptionsEgressResult { r#return: Some(true) })
    }
}
