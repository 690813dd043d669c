//! `DetachNetworkInterface`: its packets end at once; a running guest is asked to let go of the device, unless it is to be by force.

use freehold_proto::aws::ec2;
use freehold_proto::id::AttachmentId;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::EntityTrait;

use super::message::missing;
use crate::engine::Command;
use crate::network::attachment;
use crate::store::{Outcome, Tx, instance, network_interface_attachment};

impl Command for ec2::DetachNetworkInterfaceRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidAttachmentIdMalformed,
        ErrorCode::InvalidAttachmentIdNotFound,
        ErrorCode::MissingParameter,
        ErrorCode::OperationNotPermitted,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<()> {
        let row = named(tx, &self.attachment_id).await?;
        if row.device_index == 0 {
            let message = "The network interface at device index 0 and networkCard index 0 cannot be detached.";
            return Err(Fault::new(ErrorCode::OperationNotPermitted, message).into());
        }
        let instance = instance::Entity::find_by_id(&row.instance_id).one(tx.db()).await?;
        let instance = instance.ok_or_else(|| Fault::internal("an attachment is of no instance", row.attachment_id.clone()))?;
        attachment::detach(tx, row, instance, self.force.unwrap_or_default()).await
    }
}

/// The caller's attachment of an id.
async fn named(tx: &Tx, id: &str) -> Outcome<network_interface_attachment::Model> {
    if id.is_empty() {
        return Err(missing("attachmentId").into());
    }
    if AttachmentId::parse(id).is_err() {
        return Err(malformed(id).into());
    }
    let row = network_interface_attachment::Entity::find_by_id(id).one(tx.db()).await?;
    Ok(row
        .filter(|row| row.account_id == tx.account())
        .ok_or_else(|| Fault::new(ErrorCode::InvalidAttachmentIdNotFound, format!("The attachment ID '{id}' does not exist")))?)
}

/// What is no id of an attachment.
pub fn malformed(id: &str) -> Fault {
    let message = format!("Invalid id: \"{id}\" (expecting \"{}-...\")", AttachmentId::PREFIX);
    Fault::new(ErrorCode::InvalidAttachmentIdMalformed, message)
}
