//! `DescribeNetworkInterfaceAttribute`: one attribute, by EC2's word for it.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::find::named;
use super::message::missing;
use super::model::network_interface::{NetworkInterface, described};
use super::resolve::NETWORK_INTERFACE;
use super::run_instances::invalid;
use crate::engine::{Ask, Query};
use crate::store::Outcome;

impl Query for ec2::DescribeNetworkInterfaceAttributeRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidNetworkInterfaceIdMalformed,
        ErrorCode::InvalidNetworkInterfaceIdNotFound,
        ErrorCode::InvalidParameterValue,
        ErrorCode::MissingParameter,
    ];

    async fn answer(self, ask: &Ask) -> Outcome<ec2::DescribeNetworkInterfaceAttributeResult> {
        let id = Some(self.network_interface_id).filter(|id| !id.is_empty()).ok_or_else(|| missing("networkInterfaceId"))?;
        let mut found = named::<NetworkInterface>(&ask.rows(), ask.account(), &NETWORK_INTERFACE, std::slice::from_ref(&id))?;
        let found = found.pop().ok_or_else(|| NETWORK_INTERFACE.absent(&id))?;
        let shown = described(&found.item, &found.tags, &ask.settings);
        let mut answer = ec2::DescribeNetworkInterfaceAttributeResult { network_interface_id: Some(id), ..Default::default() };
        match self.attribute.as_deref().unwrap_or_default() {
            "attachment" => answer.attachment = shown.attachment,
            "description" => answer.description = Some(ec2::AttributeValue { value: shown.description }),
            "groupSet" => answer.groups = shown.groups,
            "sourceDestCheck" => answer.source_dest_check = Some(ec2::AttributeBooleanValue { value: shown.source_dest_check }),
            "" => return Err(missing("attribute").into()),
            other => return Err(invalid(format!("Value ({other}) for parameter attribute is invalid. Unknown attribute.")).into()),
        }
        Ok(answer)
    }
}
