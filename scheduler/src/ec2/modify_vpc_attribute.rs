//! `ModifyVpcAttribute`: one attribute of a VPC at a time, as on EC2.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;
use sea_orm::{ActiveModelTrait, IntoActiveModel};

use super::message::missing;
use super::resolve::VPC;
use super::run_instances::{combination, invalid};
use crate::engine::Command;
use crate::network::restate;
use crate::store::{Outcome, Tx, vpc};

impl Command for ec2::ModifyVpcAttributeRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
        ErrorCode::InvalidVpcIdMalformed,
        ErrorCode::InvalidVpcIdNotFound,
        ErrorCode::MissingParameter,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<()> {
        if self.vpc_id.is_empty() {
            return Err(missing("vpcId").into());
        }
        let mut row = VPC.own::<vpc::Entity>(tx, &self.vpc_id).await?;
        let given = |attribute: &Option<ec2::AttributeBooleanValue>| attribute.as_ref().and_then(|given| given.value);
        let (support, hostnames) = (given(&self.enable_dns_support), given(&self.enable_dns_hostnames));
        match (support, hostnames, given(&self.enable_network_address_usage_metrics)) {
            (Some(support), None, None) => row.enable_dns_support = support,
            (None, Some(hostnames), None) => row.enable_dns_hostnames = hostnames,
            (None, None, Some(metrics)) => row.enable_network_address_usage_metrics = metrics,
            (None, None, None) => return Err(missing("enableDnsSupport, enableDnsHostnames or enableNetworkAddressUsageMetrics").into()),
            _ => return Err(combination("Only one attribute of a VPC can be modified at a time. Send a request for each.").into()),
        }
        if hostnames == Some(true) && !row.enable_dns_support {
            return Err(
                invalid("DNS hostnames can be enabled only for a VPC with DNS support. Enable enableDnsSupport first.".to_owned()).into()
            );
        }
        let row = row.into_active_model().reset_all().update(tx.db()).await?;
        restate(tx, &row.vpc_id).await
    }
}
