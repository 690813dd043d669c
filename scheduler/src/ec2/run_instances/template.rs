//! The launch template of a launch: its data lies under the request's own parameters ([`merge`]).
//!
//! A template may carry what `RunInstances` does not do. Then it is refused here, by the table by which the gateway refuses the same in a
//! request: nothing that a client has said is ignored.

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};
use freehold_wire::protobuf::{Malformed, Reader, Value};
use freehold_wire::{Field, Kind, Operation, Shape, Standing};
use prost::Message;

use super::merge::merge;
use crate::launch_template::{Named, Version, data};
use crate::store::{Outcome, Tx};
use crate::tags::Tags;

/// The version that a launch came of.
pub struct Used {
    launch_template_id: String,
    version_number: i64,
}

impl Used {
    /// EC2's own tags of an instance that came of a template.
    pub fn tags(&self) -> Tags {
        Tags::from([
            ("aws:ec2launchtemplate:id".to_owned(), self.launch_template_id.clone()),
            ("aws:ec2launchtemplate:version".to_owned(), self.version_number.to_string()),
        ])
    }
}

/// The request with what its template gives, and the version that gave it.
pub async fn apply(tx: &Tx, mut request: ec2::RunInstancesRequest) -> Outcome<(ec2::RunInstancesRequest, Option<Used>)> {
    let Some(asked) = request.launch_template.take() else { return Ok((request, None)) };
    let named = Named::one(asked.launch_template_id.as_ref(), asked.launch_template_name.as_ref())?;
    let version = asked.version.as_deref().filter(|text| !text.is_empty()).map_or(Ok(Version::Default), Version::parse)?;
    let template = named.find(tx).await?;
    let version = version.find(tx, &template).await?;
    let under = data::read(&version.data)?;
    let used = Used { launch_template_id: template.launch_template_id, version_number: version.version_number };
    if under.instance_requirements.is_some() {
        return Err(undone("InstanceRequirements", &used).into());
    }
    let request = lay_over(&under.into(), &request)?;
    refuse_undone(&request, &used)?;
    Ok((request, Some(used)))
}

fn table() -> Result<&'static Operation, Fault> {
    freehold_wire::operation("ec2", "RunInstances").ok_or_else(|| Fault::internal("an action without a table", "RunInstances"))
}

fn lay_over(under: &ec2::RunInstancesRequest, over: &ec2::RunInstancesRequest) -> Result<ec2::RunInstancesRequest, Fault> {
    let bytes = merge(table()?.request, &under.encode_to_vec(), &over.encode_to_vec());
    let bytes = bytes.map_err(|error| Fault::internal("a message of ours can not be read", error))?;
    ec2::RunInstancesRequest::decode(bytes.as_slice()).map_err(|error| Fault::internal("two messages can not be put together", error))
}

fn undone(path: &str, used: &Used) -> Fault {
    let Used { launch_template_id, version_number } = used;
    let message = format!(
        "The parameter {path} of version {version_number} of the launch template {launch_template_id} is not supported by RunInstances. \
         Use a version without it."
    );
    Fault::new(ErrorCode::UnsupportedOperation, message)
}

/// What the client has sent itself has passed the gateway; what is refused here came of the template.
fn refuse_undone(request: &ec2::RunInstancesRequest, used: &Used) -> Result<(), Fault> {
    let operation = table()?;
    let walk = Walk { operation };
    match walk.undone(operation.request, &request.encode_to_vec(), "") {
        Ok(None) => Ok(()),
        Ok(Some(path)) => Err(undone(&path, used)),
        Err(error) => Err(Fault::internal("a request's bytes are not its message", error)),
    }
}

struct Walk {
    operation: &'static Operation,
}

impl Walk {
    /// The path of the first parameter in a structure's bytes that is not done, or not at this value.
    fn undone(&self, shape: &Shape, bytes: &[u8], above: &str) -> Result<Option<String>, Malformed> {
        let mut reader = Reader::new(bytes);
        while !reader.is_empty() {
            let (number, value) = reader.field()?;
            let field = shape.fields.iter().find(|field| field.number == number);
            let field = field.ok_or(Malformed::Mismatch { shape: shape.name, number })?;
            let path = if above.is_empty() { field.query.to_owned() } else { format!("{above}.{}", field.query) };
            let found = match (field.kind, value) {
                (Kind::Message(below), Value::Span(span)) => self.undone(below, span, &path)?,
                _ => Some(path).filter(|path| !self.is_done(path, field, value)),
            };
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    fn is_done(&self, path: &str, field: &Field, value: Value<'_>) -> bool {
        match self.operation.standing(path) {
            Standing::Done => true,
            Standing::DefaultOnly(only) => is(field, value, only),
            Standing::Refused => false,
        }
    }
}

/// Whether a scalar has the value that a text says. Only flags, whole numbers and words have defaults that are listed.
fn is(field: &Field, value: Value<'_>, text: &str) -> bool {
    match (field.kind, value) {
        (Kind::Bool, Value::Varint(flag)) => (flag != 0) == text.eq_ignore_ascii_case("true"),
        (Kind::Int32 | Kind::Int64, Value::Varint(number)) => text.parse() == Ok(number.cast_signed()),
        (Kind::Text | Kind::Id | Kind::Words(_), Value::Span(span)) => span.eq_ignore_ascii_case(text.as_bytes()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(request: &ec2::RunInstancesRequest) -> Option<String> {
        let used = Used { launch_template_id: "lt-1".into(), version_number: 2 };
        refuse_undone(request, &used).err().map(|fault| fault.message.split(' ').nth(2).unwrap_or_default().to_owned())
    }

    #[test]
    fn what_a_request_could_not_ask_a_template_can_not_either() {
        assert_eq!(
            refused(&ec2::RunInstancesRequest { kernel_id: Some("aki-1".into()), ..Default::default() }).as_deref(),
            Some("KernelId")
        );
        let profile = ec2::IamInstanceProfileSpecification { name: Some("web".into()), ..Default::default() };
        let request = ec2::RunInstancesRequest { iam_instance_profile: Some(profile), ..Default::default() };
        assert_eq!(refused(&request).as_deref(), Some("IamInstanceProfile.Name"));
        let interface = |kind: &str, card| ec2::RunInstancesRequest {
            network_interfaces: vec![ec2::InstanceNetworkInterfaceSpecification {
                interface_type: Some(kind.into()),
                network_card_index: Some(card),
                ..Default::default()
            }],
            ..Default::default()
        };
        assert_eq!(refused(&interface("interface", 0)), None);
        assert_eq!(refused(&interface("efa", 0)).as_deref(), Some("NetworkInterface.InterfaceType"));
        assert_eq!(refused(&interface("interface", 1)).as_deref(), Some("NetworkInterface.NetworkCardIndex"));
        let tenant = |word: &str| ec2::RunInstancesRequest {
            placement: Some(ec2::Placement { tenancy: Some(word.into()), ..Default::default() }),
            ..Default::default()
        };
        assert_eq!(refused(&tenant("Default")), None);
        assert_eq!(refused(&tenant("host")).as_deref(), Some("Placement.Tenancy"));
    }

    #[test]
    fn an_instance_says_of_which_version_it_came() {
        let tags = Used { launch_template_id: "lt-1".into(), version_number: 12 }.tags();
        assert_eq!((tags["aws:ec2launchtemplate:id"].as_str(), tags["aws:ec2launchtemplate:version"].as_str()), ("lt-1", "12"));
    }
}
