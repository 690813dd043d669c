//! What the gateway makes of parameters: faults with AWS's codes, bounds, and nothing ignored. That all of AWS's model survives is
//! `tests/seam`'s to show.

#![allow(clippy::expect_used, reason = "a test says what it expected by panicking")]

use freehold_api_gateway::codec;
use freehold_proto::aws::ec2::{DescribeInstancesRequest, RunInstancesRequest};
use freehold_proto::{ErrorCode, Fault};
use freehold_wire::{Field, Kind, Operation, Parameter, Protocol, Service, Shape, Standing, Status};
use prost::Message;

const LAUNCH: [(&str, &str); 3] = [("ImageId", "ami-1"), ("MinCount", "1"), ("MaxCount", "1")];

fn pairs(parameters: &[(&str, &str)]) -> Vec<(String, String)> {
    parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn operation(action: &str) -> &'static Operation {
    freehold_wire::operation("ec2", action).expect("a listed action")
}

fn decode(action: &str, parameters: &[(&str, &str)]) -> Result<bytes::Bytes, Fault> {
    codec::decode_unchecked(operation(action), &pairs(parameters))
}

/// RunInstances with what it must have, and more.
fn launch(more: &[(&str, &str)]) -> Result<RunInstancesRequest, Fault> {
    let bytes = decode("RunInstances", &[&LAUNCH[..], more].concat())?;
    Ok(RunInstancesRequest::decode(bytes).expect("a message of prost's"))
}

#[track_caller]
fn refused(result: Result<impl std::fmt::Debug, Fault>, code: ErrorCode, names: &str) {
    let fault = result.expect_err("a refusal");
    assert_eq!(fault.code, code, "{fault}");
    assert!(fault.message.contains(names), "{fault} does not name {names}");
}

#[test]
fn unknown_parameters_are_named() {
    for name in ["Foo", "imageId", "Placement.Foo", "BlockDeviceMapping.1.Ebs.Frob", "ImageId.1", "ImageId.", "", ".", "Placement..Tenancy"]
    {
        refused(launch(&[(name, "x")]), ErrorCode::UnknownParameter, name);
    }
}

#[test]
fn list_numbers_have_one_form() {
    for number in ["", ".0", ".01", ".-1", ".x", ".9999999999"] {
        let name = format!("SecurityGroupId{number}");
        refused(launch(&[(&name, "sg-1")]), ErrorCode::UnknownParameter, &name);
    }
    refused(launch(&[("SecurityGroupId.1", "a"), ("SecurityGroupId.01", "b")]), ErrorCode::UnknownParameter, "SecurityGroupId.01");
}

#[test]
fn lists_are_in_the_order_of_their_numbers_and_gaps_close() {
    let request = launch(&[("SecurityGroupId.10", "c"), ("SecurityGroupId.2", "b"), ("SecurityGroupId.1", "a")]).expect("a request");
    assert_eq!(request.security_group_ids, ["a", "b", "c"]);
}

#[test]
fn a_structure_takes_no_value() {
    refused(launch(&[("Placement", "x")]), ErrorCode::InvalidParameterValue, "Placement");
    refused(launch(&[("Placement", "x"), ("Placement.Tenancy", "default")]), ErrorCode::InvalidParameterValue, "Placement");
    assert_eq!(launch(&[("Placement", "")]).expect("a request").placement, None);
    let both = launch(&[("Placement", ""), ("Placement.AvailabilityZone", "us-east-1a")]).expect("a request");
    assert_eq!(both.placement.and_then(|placement| placement.availability_zone).as_deref(), Some("us-east-1a"));
}

#[test]
fn a_parameter_given_twice_is_refused() {
    refused(launch(&[("KeyName", "a"), ("KeyName", "b")]), ErrorCode::MalformedQueryString, "KeyName");
}

#[test]
fn required_parameters_are_named_with_their_path() {
    refused(decode("RunInstances", &[("MaxCount", "1")]), ErrorCode::MissingParameter, "MinCount");
    refused(decode("TerminateInstances", &[]), ErrorCode::MissingParameter, "InstanceId");
    refused(decode("TerminateInstances", &[("InstanceId.1", "")]), ErrorCode::MissingParameter, "InstanceId");
    refused(launch(&[("ElasticInferenceAccelerator.1.Count", "1")]), ErrorCode::MissingParameter, "ElasticInferenceAccelerator.1.Type");
}

#[test]
fn values_of_the_wrong_kind_are_refused() {
    for (name, value) in [
        ("Ipv6AddressCount", "99999999999"),
        ("Ipv6AddressCount", "one"),
        ("DryRun", "maybe"),
        ("Placement.Tenancy", "shared"),
        ("InstanceMarketOptions.SpotOptions.ValidUntil", "soon"),
    ] {
        refused(launch(&[(name, value)]), ErrorCode::InvalidParameterValue, name);
    }
    let import = decode("ImportKeyPair", &[("KeyName", "k"), ("PublicKeyMaterial", "%%%")]);
    refused(import, ErrorCode::InvalidParameterValue, "PublicKeyMaterial");
}

#[test]
fn text_that_xml_can_not_carry_is_refused() {
    for value in ["\0", "\u{1b}[31m", "\u{fffe}"] {
        refused(launch(&[("TagSpecification.1.Tag.1.Value", value)]), ErrorCode::InvalidParameterValue, "TagSpecification.1.Tag.1.Value");
    }
}

#[test]
fn explicit_false_and_zero_are_kept_and_empty_ones_are_absent() {
    let request = launch(&[("EbsOptimized", "false"), ("Ipv6AddressCount", "0")]).expect("a request");
    assert_eq!((request.ebs_optimized, request.ipv6_address_count), (Some(false), Some(0)));
    let empty = [("EbsOptimized", ""), ("Ipv6AddressCount", ""), ("SubnetId", ""), ("InstanceInitiatedShutdownBehavior", "")];
    let request = launch(&empty).expect("a request");
    assert_eq!((request.ebs_optimized, request.ipv6_address_count, request.subnet_id), (None, None, None));
    let request = launch(&[("TagSpecification.1.Tag.1.Value", "")]).expect("a request");
    assert_eq!(request.tag_specifications[0].tags[0].value.as_deref(), Some(""));
}

#[test]
fn lists_end_at_a_thousand_on_every_level() {
    let ids = |count| (1..=count).map(|number| (format!("InstanceId.{number}"), format!("i-{number}"))).collect::<Vec<_>>();
    let bytes = codec::decode(operation("DescribeInstances"), &ids(1000)).expect("1,000 are allowed");
    assert_eq!(DescribeInstancesRequest::decode(bytes).expect("a message").instance_ids.len(), 1000);
    for count in [1001, 10_000] {
        refused(codec::decode(operation("DescribeInstances"), &ids(count)), ErrorCode::InvalidParameterValue, "InstanceId");
    }
    let mut below: Vec<_> = (1..=1001).map(|number| (format!("Filter.1.Value.{number}"), "x".to_owned())).collect();
    below.push(("Filter.1.Name".to_owned(), "tag:x".to_owned()));
    refused(codec::decode(operation("DescribeInstances"), &below), ErrorCode::InvalidParameterValue, "Filter.1.Value");
}

#[test]
fn long_names_and_values_are_refused() {
    refused(launch(&[(&"A.".repeat(200), "x")]), ErrorCode::UnknownParameter, "256");
    refused(launch(&[("UserData", &"x".repeat(200_000))]), ErrorCode::InvalidParameterValue, "UserData");
}

#[test]
fn what_is_not_done_is_refused_by_name_after_decoding() {
    let launch = |more: &[(&str, &str)]| codec::decode(operation("RunInstances"), &pairs(&[&LAUNCH[..], more].concat()));
    refused(launch(&[("KernelId", "aki-1")]), ErrorCode::UnsupportedOperation, "KernelId");
    refused(launch(&[("BlockDeviceMapping.2.Ebs.KmsKeyId", "k")]), ErrorCode::UnsupportedOperation, "BlockDeviceMapping.2.Ebs.KmsKeyId");
    refused(launch(&[("EbsOptimized", "true")]), ErrorCode::UnsupportedOperation, "EbsOptimized");
    assert!(launch(&[("EbsOptimized", "false"), ("KernelId", "")]).is_ok());
    refused(launch(&[("KernelId", "aki-1"), ("MaxCount.1", "x")]), ErrorCode::UnknownParameter, "MaxCount.1");
}

// A service of AWS Query's, whose lists no listed action has yet.

static QUERY: Service = Service {
    name: "iam",
    version: "2010-05-08",
    protocol: Protocol::Query,
    namespace: "https://iam.amazonaws.com/doc/2010-05-08/",
    operations: &[],
};

static TAG: Shape = Shape { name: "Tag", fields: &[Field::new(1, "Key", "Key", Kind::Text).required()] };

static TAGS: Shape = Shape { name: "Tags", fields: &[Field::new(1, "Tags", "Tags", Kind::Message(&TAG)).list("member")] };

static TAG_USER: Operation = Operation {
    service: &QUERY,
    name: "TagUser",
    path: "/aws.iam.Users/TagUser",
    status: Status::Planned,
    request: &TAGS,
    answer: Some(&TAGS),
    result: Some("TagUserResult"),
    parameters: &[Parameter { path: "Tags.Key", standing: Standing::Done }],
};

#[test]
fn query_services_have_lists_of_members() {
    let bytes = codec::decode(&TAG_USER, &pairs(&[("Tags.member.2.Key", "b"), ("Tags.member.1.Key", "a&")])).expect("a request");
    let document = codec::encode(&TAG_USER, &bytes, "id").expect("a document");
    let list = "<TagUserResult><Tags><member><Key>a&amp;</Key></member><member><Key>b</Key></member></Tags></TagUserResult>";
    assert!(document.contains(list), "{document}");
    assert!(codec::decode(&TAG_USER, &pairs(&[("Tags", "")])).expect("an empty list").is_empty());
    refused(codec::decode(&TAG_USER, &pairs(&[("Tags.1.Key", "a")])), ErrorCode::UnknownParameter, "Tags.1.Key");
    refused(codec::decode(&TAG_USER, &pairs(&[("Tags.entry.1.Key", "a")])), ErrorCode::UnknownParameter, "Tags.entry.1.Key");
}

// Whatever the bytes are.

fn operations() -> Vec<&'static Operation> {
    freehold_wire::services().iter().flat_map(|service| service.operations).collect()
}

#[test]
fn arbitrary_parameters_end_in_an_answer() {
    let operations = operations();
    let mut names: Vec<&str> = operations.iter().flat_map(|operation| operation.request.fields).map(|field| field.query).collect();
    names.extend(["1", "2", "01", "member", "", "Key", "Ebs", "99999999999999999999"]);
    arbtest::arbtest(|source| {
        let operation = source.choose(&operations)?;
        let mut parameters = Vec::new();
        for _ in 0..source.int_in_range(0..=8)? {
            let mut name = String::new();
            for _ in 0..source.int_in_range(0..=4)? {
                name.push_str(source.choose(&names)?);
                name.push_str(source.choose(&[".", "", "..", "\0"])?);
            }
            parameters.push((name, source.arbitrary::<String>()?));
        }
        if let Ok(bytes) = codec::decode_unchecked(operation, &parameters) {
            // What was decoded is a message of the request's shape, so it can be written.
            codec::encode(&mirror(operation), &bytes, "id").expect("a document");
        }
        Ok(())
    });
}

/// An operation that answers with its request.
fn mirror(operation: &Operation) -> Operation {
    Operation {
        service: operation.service,
        name: operation.name,
        path: operation.path,
        status: operation.status,
        request: operation.request,
        answer: Some(operation.request),
        result: Some("Result"),
        parameters: &[],
    }
}

#[test]
fn arbitrary_answers_end_in_a_document_or_an_internal_error() {
    let operations = operations();
    arbtest::arbtest(|source| {
        let operation = source.choose(&operations)?;
        let bytes: Vec<u8> = source.arbitrary()?;
        match codec::encode(operation, &bytes, "id") {
            Ok(document) => assert!(document.ends_with("Response>"), "{document}"),
            Err(fault) => assert_eq!(fault.code, ErrorCode::InternalError),
        }
        Ok(())
    });
}
