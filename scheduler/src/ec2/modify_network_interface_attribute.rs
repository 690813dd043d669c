//! `ModifyNetworkInterfaceAttribute`: one attribute of an interface at a time, as on EC2.

use freehold_proto::aws::ec2;
use freehold_proto::id::AttachmentId;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ActiveModelTrait, IntoActiveModel, Set};

use super::detach_network_interface::malformed;
use super::message::missing;
use super::network_interfaces::{changeable, description};
use super::run_instances::{combination, groups_by_id};
use crate::engine::Command;
use crate::network::interface;
use crate::store::{Outcome, Tx, network_interface};

impl Command for ec2::ModifyNetworkInterfaceAttributeRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidAttachmentIdMalformed,
        ErrorCode::InvalidAttachmentIdNotFound,
        ErrorCode::InvalidGroupIdMalformed,
        ErrorCode::InvalidGroupNotFound,
        ErrorCode::InvalidNetworkInterfaceIdMalformed,
        ErrorCode::InvalidNetworkInterfaceIdNotFound,
        ErrorCode::InvalidParameter,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
        ErrorCode::MissingParameter,
        ErrorCode::OperationNotPermitted,
        ErrorCode::SecurityGroupsPerInterfaceLimitExceeded,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<()> {
        let change = Change::read(&self)?;
        let row = changeable(tx, &self.network_interface_id).await?;
        match change {
            Change::Groups(ids) => {
                let wanted = groups_by_id(tx, ids, &row.vpc_id).await?;
                interface::replace_groups(tx, &row.network_interface_id, wanted).await
            }
            Change::Description(text) => {
                let mut row = row.into_active_model();
                row.description = Set(text.to_owned());
                row.update(tx.db()).await?;
                Ok(())
            }
            Change::SourceDestCheck(on) => check_source_dest(tx, row, on).await,
            Change::DeleteOnTermination(attachment_id, deleted) => keep_or_delete(tx, &row, attachment_id, deleted).await,
        }
    }
}

/// What is to change.
enum Change<'a> {
    Groups(&'a [String]),
    Description(&'a str),
    SourceDestCheck(bool),
    /// Of the attachment of this id.
    DeleteOnTermination(&'a str, bool),
}

impl<'a> Change<'a> {
    fn read(request: &'a ec2::ModifyNetworkInterfaceAttributeRequest) -> Result<Self, Fault> {
        let mut changes = Vec::new();
        if !request.groups.is_empty() {
            changes.push(Self::Groups(&request.groups));
        }
        if let Some(given) = &request.description {
            changes.push(Self::Description(description(given.value.as_deref())?));
        }
        if let Some(on) = request.source_dest_check.as_ref().and_then(|given| given.value) {
            changes.push(Self::SourceDestCheck(on));
        }
        if let Some(attachment) = &request.attachment {
            let id = attachment.attachment_id.as_deref().filter(|id| !id.is_empty()).ok_or_else(|| missing("attachment.attachmentId"))?;
            let deleted = attachment.delete_on_termination.ok_or_else(|| missing("attachment.deleteOnTermination"))?;
            changes.push(Self::DeleteOnTermination(id, deleted));
        }
        match changes.len() {
            0 => Err(missing("description, securityGroupId, sourceDestCheck or attachment")),
            1 => Ok(changes.remove(0)),
            _ => Err(combination("Only one attribute of a network interface can be modified at a time. Send a request for each.")),
        }
    }
}

/// Its host lets it speak and be spoken to under others' addresses, or not.
pub async fn check_source_dest(tx: &mut Tx, row: network_interface::Model, on: bool) -> Outcome<()> {
    let id = row.network_interface_id.clone();
    let mut row = row.into_active_model();
    row.source_dest_check = Set(on);
    row.update(tx.db()).await?;
    interface::restate(tx, &id).await
}

async fn keep_or_delete(tx: &Tx, row: &network_interface::Model, attachment_id: &str, deleted: bool) -> Outcome<()> {
    if AttachmentId::parse(attachment_id).is_err() {
        return Err(malformed(attachment_id).into());
    }
    let attachment = interface::attachment(tx, &row.network_interface_id).await?.filter(|row| row.attachment_id == attachment_id);
    let attachment = attachment.ok_or_else(|| {
        let message = format!("The attachment ID '{attachment_id}' does not exist for '{}'", row.network_interface_id);
        Fault::new(ErrorCode::InvalidAttachmentIdNotFound, message)
    })?;
    let mut attachment = attachment.into_active_model();
    attachment.delete_on_termination = Set(deleted);
    attachment.update(tx.db()).await?;
    Ok(())
}
