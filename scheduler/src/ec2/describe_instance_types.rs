//! `DescribeInstanceTypes`, out of the catalogue.

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};

use super::message;
use super::model::instance_type::FILTERS;
use crate::engine::{Ask, Query};
use crate::instance_type::InstanceType;
use crate::store::Outcome;

impl Query for ec2::DescribeInstanceTypesRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::FilterLimitExceeded,
        ErrorCode::InvalidInstanceType,
        ErrorCode::InvalidNextToken,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
    ];

    async fn answer(self, ask: &Ask) -> Outcome<ec2::DescribeInstanceTypesResult> {
        let page = ask.page(&self)?;
        let filters = FILTERS.compile(message::filters(&self.filters))?;
        let catalogue = &ask.settings.catalogue;
        let unknown: Vec<&str> = self.instance_types.iter().map(String::as_str).filter(|name| catalogue.get(name).is_none()).collect();
        if !unknown.is_empty() {
            let message = format!("The following supplied instance types do not exist: [{}]", unknown.join(", "));
            return Err(Fault::new(ErrorCode::InvalidInstanceType, message).into());
        }
        let wanted =
            |entry: &&InstanceType| (self.instance_types.is_empty() || self.instance_types.contains(&entry.name)) && filters.matches(entry);
        let (found, next_token) = page.cut(catalogue.iter().filter(wanted).collect(), |entry| &entry.name)?;
        Ok(ec2::DescribeInstanceTypesResult { instance_types: found.into_iter().map(Into::into).collect(), next_token })
    }
}
