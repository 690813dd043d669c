//! `DescribeSecurityGroupRules`.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::find::{Search, find};
use super::message;
use super::model::security_group::{RULE_FILTERS, rule_message};
use super::resolve::SECURITY_GROUP_RULE;
use crate::engine::{Ask, Query};
use crate::store::Outcome;
use crate::store::read::resources::SecurityGroupRuleView;

impl Query for ec2::DescribeSecurityGroupRulesRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::FilterLimitExceeded,
        ErrorCode::InvalidNextToken,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
        ErrorCode::InvalidSecurityGroupRuleIdMalformed,
        ErrorCode::InvalidSecurityGroupRuleIdNotFound,
    ];

    async fn answer(self, ask: &Ask) -> Outcome<ec2::DescribeSecurityGroupRulesResult> {
        let page = ask.page(&self)?;
        let filters = RULE_FILTERS.compile(message::filters(&self.filters))?;
        let search = Search::new(&SECURITY_GROUP_RULE, &self.security_group_rule_ids, page, &filters);
        let (views, next_token) = find(ask, search, |view: &SecurityGroupRuleView| filters.matches(view))?;
        let region = &ask.settings.region;
        let security_group_rules =
            views.iter().map(|view| rule_message(&view.rule, (&view.vpc_id, view.foreign.as_ref()), &view.tags, region)).collect();
        Ok(ec2::DescribeSecurityGroupRulesResult { security_group_rules, next_token })
    }
}
