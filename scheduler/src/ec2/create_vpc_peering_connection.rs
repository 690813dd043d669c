//! `CreateVpcPeeringConnection`: a request to the owner of another VPC, who may be the same.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::create_tags::insert_tags;
use super::message::{self, missing};
use super::peering as shared;
use super::resolve::{VPC, VPC_PEERING_CONNECTION};
use super::run_instances::invalid;
use crate::engine::Command;
use crate::network::peering;
use crate::store::{Outcome, Tx, vpc};

impl Command for ec2::CreateVpcPeeringConnectionRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidParameterValue,
        ErrorCode::InvalidVpcIdMalformed,
        ErrorCode::InvalidVpcIdNotFound,
        ErrorCode::MissingParameter,
        ErrorCode::OutstandingVpcPeeringConnectionLimitExceeded,
        ErrorCode::TagLimitExceeded,
        ErrorCode::VpcPeeringConnectionAlreadyExists,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::CreateVpcPeeringConnectionResult> {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        if self.vpc_id.is_empty() {
            return Err(missing("vpcId").into());
        }
        let accepter_vpc_id = given(self.peer_vpc_id).ok_or_else(|| missing("peerVpcId"))?;
        let accepter = given(self.peer_owner_id).unwrap_or_else(|| tx.account().to_owned());
        if let Some(region) = given(self.peer_region).filter(|region| *region != tx.settings().region) {
            let message =
                format!("Value ({region}) for parameter peerRegion is invalid. This cloud is one region, {}.", tx.settings().region);
            return Err(invalid(message).into());
        }
        VPC.check(&accepter_vpc_id)?;
        let tags = message::tags_on_create(VPC_PEERING_CONNECTION.resource_type, &self.tag_specifications)?;
        let requester = VPC.own::<vpc::Entity>(tx, &self.vpc_id).await?;
        let row = peering::request(tx, &requester, accepter, accepter_vpc_id).await?;
        insert_tags(tx, &row.vpc_peering_connection_id, VPC_PEERING_CONNECTION.resource_type, &tags).await?;
        let vpc_peering_connection = Some(shared::message(tx, row).await?);
        Ok(ec2::CreateVpcPeeringConnectionResult { vpc_peering_connection })
    }
}
