//! `ImportKeyPair`.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::create_key_pair::insert;
use super::message;
use super::resolve::KEY_PAIR;
use crate::engine::Command;
use crate::key_pair;
use crate::store::{Outcome, Tx};

impl Command for ec2::ImportKeyPairRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidKeyFormat,
        ErrorCode::InvalidKeyPairDuplicate,
        ErrorCode::InvalidParameterValue,
        ErrorCode::MissingParameter,
        ErrorCode::TagLimitExceeded,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::ImportKeyPairResult> {
        key_pair::check_name(&self.key_name)?;
        let public = key_pair::import(&self.public_key_material)?;
        let tags = message::tags_on_create(KEY_PAIR.resource_type, &self.tag_specifications)?;
        let row = insert(tx, &self.key_name, public, &tags).await?;
        Ok(ec2::ImportKeyPairResult {
            key_pair_id: Some(row.key_pair_id),
            key_name: Some(row.key_name),
            key_fingerprint: Some(row.key_fingerprint),
            tags: message::tags(&tags),
        })
    }
}
