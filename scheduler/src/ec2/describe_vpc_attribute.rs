//! `DescribeVpcAttribute`: one attribute, by EC2's word for it.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::find::named;
use super::message::missing;
use super::resolve::VPC;
use super::run_instances::invalid;
use crate::engine::{Ask, Query};
use crate::store::Outcome;
use crate::store::read::networks::VpcView;

impl Query for ec2::DescribeVpcAttributeRequest {
    const ERRORS: &'static [ErrorCode] =
        &[ErrorCode::InvalidParameterValue, ErrorCode::InvalidVpcIdMalformed, ErrorCode::InvalidVpcIdNotFound, ErrorCode::MissingParameter];

    async fn answer(self, ask: &Ask) -> Outcome<ec2::DescribeVpcAttributeResult> {
        let id = Some(self.vpc_id).filter(|id| !id.is_empty()).ok_or_else(|| missing("vpcId"))?;
        let mut found = named::<VpcView>(&ask.rows(), ask.account(), &VPC, std::slice::from_ref(&id))?;
        let vpc = found.pop().ok_or_else(|| VPC.absent(&id))?.vpc;
        let is = |value| Some(ec2::AttributeBooleanValue { value: Some(value) });
        let mut answer = ec2::DescribeVpcAttributeResult { vpc_id: Some(id), ..Default::default() };
        match self.attribute.as_str() {
            "enableDnsSupport" => answer.enable_dns_support = is(vpc.enable_dns_support),
            "enableDnsHostnames" => answer.enable_dns_hostnames = is(vpc.enable_dns_hostnames),
            "enableNetworkAddressUsageMetrics" => {
                answer.enable_network_address_usage_metrics = is(vpc.enable_network_address_usage_metrics);
            }
            "" => return Err(missing("attribute").into()),
            other => return Err(invalid(format!("Value ({other}) for parameter attribute is invalid. Unknown attribute.")).into()),
        }
        Ok(answer)
    }
}
