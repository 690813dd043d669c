//! `ModifyInstanceMetadataOptions`. What is not given stays.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::chosen_instances;
use super::metadata_options::{Given, Options};
use super::model::instance::metadata_options;
use crate::engine::Command;
use crate::lifecycle::transition::save_restated;
use crate::store::{Outcome, Tx};

impl Command for ec2::ModifyInstanceMetadataOptionsRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::IncorrectInstanceState,
        ErrorCode::InvalidInstanceIdMalformed,
        ErrorCode::InvalidInstanceIdNotFound,
        ErrorCode::InvalidParameterValue,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::ModifyInstanceMetadataOptionsResult> {
        let mut row = chosen_instances::lasting(tx, &self.instance_id).await?;
        let given = Given {
            http_tokens: self.http_tokens,
            http_endpoint: self.http_endpoint,
            http_put_response_hop_limit: self.http_put_response_hop_limit,
            instance_metadata_tags: self.instance_metadata_tags,
        };
        Options::from(&row).with(given)?.put_on(&mut row);
        let row = save_restated(tx, row).await?;
        let instance_metadata_options = Some(metadata_options(&row));
        Ok(ec2::ModifyInstanceMetadataOptionsResult { instance_id: Some(row.instance_id), instance_metadata_options })
    }
}
