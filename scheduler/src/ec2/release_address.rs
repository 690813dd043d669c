//! `ReleaseAddress`. Refused while the address is on an interface or has a name.

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::ModelTrait;

use super::allocate_address::{absent, named};
use super::create_tags::remove_tags;
use crate::engine::Command;
use crate::store::{Outcome, Tx};

impl Command for ec2::ReleaseAddressRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidAddressLocked,
        ErrorCode::InvalidAddressNotFound,
        ErrorCode::InvalidAllocationIdMalformed,
        ErrorCode::InvalidAllocationIdNotFound,
        ErrorCode::InvalidIpAddressInUse,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::MissingParameter,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<()> {
        let row = named(tx, self.allocation_id.as_deref(), self.public_ip.as_deref()).await?;
        let region = &tx.settings().region;
        if self.network_border_group.as_deref().is_some_and(|group| !group.is_empty() && group != region) {
            return Err(absent(&row.address).into());
        }
        if let Some(association) = &row.association_id {
            let message = format!("Address {} is in use: it is associated by {association}. Disassociate it first.", row.address);
            return Err(Fault::new(ErrorCode::InvalidIpAddressInUse, message).into());
        }
        if let Some(name) = &row.ptr_record {
            let message =
                format!("Address {} is locked: its reverse DNS name is {name}. Reset the attribute domain-name first.", row.address);
            return Err(Fault::new(ErrorCode::InvalidAddressLocked, message).into());
        }
        remove_tags(tx, &row.allocation_id).await?;
        row.delete(tx.db()).await?;
        Ok(())
    }
}
