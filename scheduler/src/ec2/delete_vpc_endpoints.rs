//! `DeleteVpcEndpoints`: those that are there go, the others are named in the answer.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;
use sea_orm::EntityTrait;

use super::create_tags::remove_tags;
use super::message::missing;
use super::resolve::VPC_ENDPOINT;
use crate::engine::Command;
use crate::network::endpoint;
use crate::store::{Outcome, Tx, vpc_endpoint};

impl Command for ec2::DeleteVpcEndpointsRequest {
    const ERRORS: &'static [ErrorCode] = &[ErrorCode::InvalidVpcEndpointIdMalformed, ErrorCode::MissingParameter];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::DeleteVpcEndpointsResult> {
        if self.vpc_endpoint_ids.is_empty() {
            return Err(missing("VpcEndpointId").into());
        }
        VPC_ENDPOINT.select(&self.vpc_endpoint_ids)?;
        let mut unsuccessful = Vec::new();
        for id in self.vpc_endpoint_ids {
            let row = vpc_endpoint::Entity::find_by_id(&id).one(tx.db()).await?;
            match row.filter(|row| row.account_id == tx.account()) {
                Some(row) => {
                    remove_tags(tx, &id).await?;
                    endpoint::delete(tx, row).await?;
                }
                None => unsuccessful.push(absent(id)),
            }
        }
        Ok(ec2::DeleteVpcEndpointsResult { unsuccessful })
    }
}

fn absent(id: String) -> ec2::UnsuccessfulItem {
    let error = ec2::UnsuccessfulItemError {
        code: Some(ErrorCode::InvalidVpcEndpointNotFound.as_str().into()),
        message: Some(VPC_ENDPOINT.absent(&id).message),
    };
    ec2::UnsuccessfulItem { error: Some(error), resource_id: Some(id) }
}
