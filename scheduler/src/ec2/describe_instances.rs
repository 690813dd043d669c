//! `DescribeInstances`. A terminated instance is shown for an hour.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::message;
use super::model::instance::{FILTERS, reservations};
use super::resolve::INSTANCE;
use crate::engine::{Ask, Query};
use crate::store::Outcome;

impl Query for ec2::DescribeInstancesRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::FilterLimitExceeded,
        ErrorCode::InvalidInstanceIdMalformed,
        ErrorCode::InvalidInstanceIdNotFound,
        ErrorCode::InvalidNextToken,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
    ];

    async fn answer(self, ask: &Ask) -> Outcome<ec2::DescribeInstancesResult> {
        let page = ask.page(&self)?;
        let filters = FILTERS.compile(message::filters(&self.filters))?;
        let mut found = ask.read.instances(ask.account(), &INSTANCE.select(&self.instance_ids)?).await?;
        INSTANCE.all_found(&self.instance_ids, found.iter().map(|view| view.instance.instance_id.as_str()))?;
        found.retain(|view| filters.matches(view));
        found.sort_by(|a, b| a.instance.instance_id.cmp(&b.instance.instance_id));
        let (shown, next_token) = page.cut(found, |view| &view.instance.instance_id)?;
        Ok(ec2::DescribeInstancesResult { reservations: reservations(&shown, &ask.settings)?, next_token })
    }
}
