//! `ModifyVpcPeeringConnectionOptions`: each side says of its own VPC whether its public names mean private addresses to the other.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::message::missing;
use super::peering as shared;
use crate::engine::Command;
use crate::network::peering::{self, status};
use crate::store::{Failure, Outcome, Tx};

impl Command for ec2::ModifyVpcPeeringConnectionOptionsRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidVpcPeeringConnectionIdMalformed,
        ErrorCode::InvalidVpcPeeringConnectionIdNotFound,
        ErrorCode::MissingParameter,
        ErrorCode::OperationNotPermitted,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::ModifyVpcPeeringConnectionOptionsResult> {
        let row = shared::find(tx, Some(&self.vpc_peering_connection_id)).await?;
        let (requester, accepter) = (&self.requester_peering_connection_options, &self.accepter_peering_connection_options);
        if requester.is_none() && accepter.is_none() {
            return Err(missing("RequesterPeeringConnectionOptions or AccepterPeeringConnectionOptions").into());
        }
        let refuse = |message: String| Err(Failure::refuse(ErrorCode::OperationNotPermitted, message));
        if row.status != status::ACTIVE {
            let id = &row.vpc_peering_connection_id;
            return refuse(format!("Peering {id} is not active. Peering options can be added only to active peerings."));
        }
        for (given, owner, side) in [(requester, &row.account_id, "requester"), (accepter, &row.accepter_account_id, "accepter")] {
            if given.is_some() && owner != tx.account() {
                return refuse(format!("User {} cannot modify {side} options. They are {owner}'s to modify.", tx.account()));
            }
        }
        let asked = |side: &Option<ec2::PeeringConnectionOptionsRequest>| side.as_ref()?.allow_dns_resolution_from_remote_vpc;
        let row = peering::answer_public_names(tx, row, asked(requester), asked(accepter)).await?;
        let shown = |answers: bool| ec2::PeeringConnectionOptions {
            allow_dns_resolution_from_remote_vpc: Some(answers),
            allow_egress_from_local_classic_link_to_remote_vpc: Some(false),
            allow_egress_from_local_vpc_to_remote_classic_link: Some(false),
        };
        Ok(ec2::ModifyVpcPeeringConnectionOptionsResult {
            requester_peering_connection_options: requester.as_ref().map(|_| shown(row.requester_answers_public_names)),
            accepter_peering_connection_options: accepter.as_ref().map(|_| shown(row.accepter_answers_public_names)),
        })
    }
}
