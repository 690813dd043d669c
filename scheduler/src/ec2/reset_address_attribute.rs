//! `ResetAddressAttribute`: an address has no name of its account's any more.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::message::missing;
use super::model::elastic_address::{attribute, check_attribute};
use super::resolve::ELASTIC_ADDRESS;
use crate::engine::Command;
use crate::network::elastic;
use crate::store::{Outcome, Tx, elastic_address};

impl Command for ec2::ResetAddressAttributeRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidAllocationIdMalformed,
        ErrorCode::InvalidAllocationIdNotFound,
        ErrorCode::InvalidParameterValue,
        ErrorCode::MissingParameter,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::ResetAddressAttributeResult> {
        if self.allocation_id.is_empty() {
            return Err(missing("allocationId").into());
        }
        if self.attribute.is_empty() {
            return Err(missing("attribute").into());
        }
        check_attribute(&self.attribute)?;
        let row = ELASTIC_ADDRESS.own::<elastic_address::Entity>(tx, &self.allocation_id).await?;
        let row = elastic::call(tx, row, None).await?;
        Ok(ec2::ResetAddressAttributeResult { address: Some(attribute(&row)) })
    }
}
