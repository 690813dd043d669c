//! `DescribeInstanceStatus`. Of running instances alone, unless all are asked for.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::message;
use super::model::instance_status::{Checked, FILTERS};
use super::resolve::INSTANCE;
use crate::engine::{Ask, Query};
use crate::lifecycle::step::State;
use crate::store::Outcome;

impl Query for ec2::DescribeInstanceStatusRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::FilterLimitExceeded,
        ErrorCode::InvalidInstanceIdMalformed,
        ErrorCode::InvalidInstanceIdNotFound,
        ErrorCode::InvalidNextToken,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
    ];

    async fn answer(self, ask: &Ask) -> Outcome<ec2::DescribeInstanceStatusResult> {
        let page = ask.page(&self)?;
        let filters = FILTERS.compile(message::filters(&self.filters))?;
        let found = ask.read.instances(ask.account(), &INSTANCE.select(&self.instance_ids)?).await?;
        INSTANCE.all_found(&self.instance_ids, found.iter().map(|view| view.instance.instance_id.as_str()))?;
        let all = self.include_all_instances.unwrap_or_default();
        let mut found: Vec<Checked> = found.into_iter().map(|view| Checked::new(view, &ask.settings, ask.now)).collect();
        found.retain(|checked| (all || checked.instance.state == State::Running.as_str()) && filters.matches(checked));
        found.sort_by(|a, b| a.instance.instance_id.cmp(&b.instance.instance_id));
        let (shown, next_token) = page.cut(found, |checked| &checked.instance.instance_id)?;
        let instance_statuses = shown.iter().map(|checked| checked.shown(&ask.settings)).collect::<Result<_, _>>()?;
        Ok(ec2::DescribeInstanceStatusResult { instance_statuses, next_token })
    }
}
