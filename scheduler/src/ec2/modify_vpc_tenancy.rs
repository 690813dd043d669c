//! `ModifyVpcTenancy`: EC2 lets a VPC's tenancy become `default` only, which here it always is.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::message::missing;
use super::model::vpc::TENANCY;
use super::resolve::VPC;
use super::run_instances::invalid;
use crate::engine::Command;
use crate::store::{Outcome, Tx, vpc};

impl Command for ec2::ModifyVpcTenancyRequest {
    const ERRORS: &'static [ErrorCode] =
        &[ErrorCode::InvalidParameterValue, ErrorCode::InvalidVpcIdMalformed, ErrorCode::InvalidVpcIdNotFound, ErrorCode::MissingParameter];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::ModifyVpcTenancyResult> {
        if self.vpc_id.is_empty() {
            return Err(missing("vpcId").into());
        }
        match self.instance_tenancy.as_str() {
            TENANCY => {}
            "" => return Err(missing("instanceTenancy").into()),
            other => {
                let message =
                    format!("Value ({other}) for parameter instanceTenancy is invalid. A VPC's tenancy can be changed to default only.");
                return Err(invalid(message).into());
            }
        }
        VPC.own::<vpc::Entity>(tx, &self.vpc_id).await?;
        Ok(ec2::ModifyVpcTenancyResult { return_value: Some(true) })
    }
}
