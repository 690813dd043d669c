//! `DescribeVpcEndpointServices`.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::create_vpc_endpoint::no_service;
use super::message;
use super::model::vpc_endpoint::{SERVICE_FILTERS, services};
use crate::engine::{Ask, Query};
use crate::store::Outcome;

impl Query for ec2::DescribeVpcEndpointServicesRequest {
    const ERRORS: &'static [ErrorCode] =
        &[ErrorCode::FilterLimitExceeded, ErrorCode::InvalidNextToken, ErrorCode::InvalidParameterValue, ErrorCode::InvalidServiceName];

    async fn answer(self, ask: &Ask) -> Outcome<ec2::DescribeVpcEndpointServicesResult> {
        let page = ask.page(&self)?;
        let filters = SERVICE_FILTERS.compile(message::filters(&self.filters))?;
        if let Some(name) = self.service_names.iter().find(|name| ask.settings.endpoint_service(name).is_none()) {
            return Err(no_service(name).into());
        }
        let named = |detail: &ec2::ServiceDetail| {
            self.service_names.is_empty() || detail.service_name.as_ref().is_some_and(|name| self.service_names.contains(name))
        };
        let found = services(&ask.settings).filter(|detail| named(detail) && filters.matches(detail)).collect();
        let (service_details, next_token) = page.cut(found, |detail| detail.service_name.as_deref().unwrap_or_default())?;
        let service_names = service_details.iter().filter_map(|detail| detail.service_name.clone()).collect();
        Ok(ec2::DescribeVpcEndpointServicesResult { service_names, service_details, next_token })
    }
}
