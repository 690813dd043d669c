//! `AssociateDhcpOptions`: guests of the VPC are told other options when they ask next, at half of their lease.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;
use sea_orm::{ActiveModelTrait, IntoActiveModel, Set};

use super::message::missing;
use super::resolve::{DHCP_OPTIONS, VPC};
use crate::engine::Command;
use crate::network::{dhcp, restate};
use crate::store::{Outcome, Tx, dhcp_options, vpc};

impl Command for ec2::AssociateDhcpOptionsRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidDhcpOptionsIdMalformed,
        ErrorCode::InvalidDhcpOptionsIdNotFound,
        ErrorCode::InvalidVpcIdMalformed,
        ErrorCode::InvalidVpcIdNotFound,
        ErrorCode::MissingParameter,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<()> {
        for (id, name) in [(&self.dhcp_options_id, "dhcpOptionsId"), (&self.vpc_id, "vpcId")] {
            if id.is_empty() {
                return Err(missing(name).into());
            }
        }
        let id = match self.dhcp_options_id.as_str() {
            dhcp::NONE => dhcp::NONE.to_owned(),
            id => DHCP_OPTIONS.own::<dhcp_options::Entity>(tx, id).await?.dhcp_options_id,
        };
        let vpc = VPC.own::<vpc::Entity>(tx, &self.vpc_id).await?;
        if vpc.dhcp_options_id == id {
            return Ok(());
        }
        let vpc_id = vpc.vpc_id.clone();
        let mut vpc = vpc.into_active_model();
        vpc.dhcp_options_id = Set(id);
        vpc.update(tx.db()).await?;
        restate(tx, &vpc_id).await
    }
}
