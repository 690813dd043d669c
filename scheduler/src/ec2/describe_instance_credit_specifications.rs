//! `DescribeInstanceCreditSpecifications`. Without ids it shows those that may spend without a limit.

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};

use super::cpu_credits;
use super::find::{Search, find};
use super::message;
use super::resolve::INSTANCE;
use crate::engine::{Ask, Query};
use crate::filter::Table;
use crate::lifecycle::step::State;
use crate::store::Outcome;
use crate::store::read::instances::InstanceView;

const FILTERS: Table<InstanceView> = Table { names: &[("instance-id", |view, say| say(&view.instance.instance_id))], tags: None };

impl Query for ec2::DescribeInstanceCreditSpecificationsRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::FilterLimitExceeded,
        ErrorCode::InvalidInstanceIdMalformed,
        ErrorCode::InvalidInstanceIdNotFound,
        ErrorCode::InvalidNextToken,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
        ErrorCode::UnsupportedOperation,
    ];

    async fn answer(self, ask: &Ask) -> Outcome<ec2::DescribeInstanceCreditSpecificationsResult> {
        let page = ask.page(&self)?;
        let filters = FILTERS.compile(message::filters(&self.filters))?;
        let named = !self.instance_ids.is_empty();
        let unlimited = |view: &InstanceView| {
            view.instance.state != State::Terminated.as_str() && cpu_credits::of(&view.instance, &ask.settings) == Some("unlimited")
        };
        let search = Search::new(&INSTANCE, &self.instance_ids, page, &filters);
        let (found, next_token) = find(ask, search, |view| (named || unlimited(view)) && filters.matches(view))?;
        let shown = |view: &InstanceView| {
            let cpu_credits = cpu_credits::of(&view.instance, &ask.settings).ok_or_else(|| has_none(&view.instance.instance_id))?;
            Ok(ec2::InstanceCreditSpecification {
                instance_id: Some(view.instance.instance_id.clone()),
                cpu_credits: Some(cpu_credits.to_owned()),
            })
        };
        let instance_credit_specifications = found.iter().map(shown).collect::<Result<_, Fault>>()?;
        Ok(ec2::DescribeInstanceCreditSpecificationsResult { instance_credit_specifications, next_token })
    }
}

fn has_none(instance_id: &str) -> Fault {
    let message = format!("The instance '{instance_id}' is not of a burstable type and has no CPU credits.");
    Fault::new(ErrorCode::UnsupportedOperation, message)
}
