//! `DescribeInstanceStatus`. Of running instances alone, unless all are asked for.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::find::{Search, find};
use super::message;
use super::model::instance_status::{Checked, FILTERS};
use super::resolve::INSTANCE;
use crate::engine::{Ask, Query};
use crate::lifecycle::step::State;
use crate::store::Outcome;
use crate::store::read::instances::InstanceView;

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
        let all = self.include_all_instances.unwrap_or_default();
        let checked = |view: &InstanceView| Checked::new(view.clone(), &ask.settings, ask.now);
        let matches = |view: &InstanceView| (all || view.instance.state == State::Running.as_str()) && filters.matches(&checked(view));
        let search = Search::new(&INSTANCE, &self.instance_ids, page, &filters);
        let (shown, next_token) = find(ask, search, matches)?;
        let instance_statuses = shown.iter().map(|view| checked(view).shown()).collect::<Result<_, _>>()?;
        Ok(ec2::DescribeInstanceStatusResult { instance_statuses, next_token })
    }
}
