//! `DescribeRegions`: the one region of this cloud. There is no `endpoint` in the answer: the address that a client reached is the
//! only one, and AWS's own would lead it away.

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};

use super::message;
use super::shown::never;
use crate::engine::{Ask, Query};
use crate::filter::Table;
use crate::store::Outcome;

const OPT_IN_STATUS: &str = "opt-in-not-required";

const FILTERS: Table<String> = Table {
    names: &[never!("endpoint"), ("opt-in-status", |_, say| say(OPT_IN_STATUS)), ("region-name", |region, say| say(region))],
    tags: None,
};

impl Query for ec2::DescribeRegionsRequest {
    const ERRORS: &'static [ErrorCode] = &[ErrorCode::FilterLimitExceeded, ErrorCode::InvalidParameterValue];

    async fn answer(self, ask: &Ask) -> Outcome<ec2::DescribeRegionsResult> {
        let region = &ask.settings.region;
        let filters = FILTERS.compile(message::filters(&self.filters))?;
        if let Some(other) = self.region_names.iter().find(|name| *name != region) {
            let message = format!("Invalid region provided: [{other}]. This cloud is the region {region}.");
            return Err(Fault::new(ErrorCode::InvalidParameterValue, message).into());
        }
        let shown = ec2::Region { region_name: Some(region.clone()), opt_in_status: Some(OPT_IN_STATUS.into()), ..Default::default() };
        Ok(ec2::DescribeRegionsResult { regions: filters.matches(region).then_some(shown).into_iter().collect() })
    }
}
