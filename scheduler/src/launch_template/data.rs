//! What a launch template's version says: the request's own message, kept as it was given and given back so.
//!
//! It is kept as the message's bytes, in which nothing that was sent is lost, whether or not anything here obeys it. That it can be
//! launched is not asked before somebody launches it, as on EC2.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};
use freehold_wire::protobuf::{Malformed, Reader, Writer};
use prost::Message;

/// The message as a row keeps it.
pub fn keep(data: &ec2::RequestLaunchTemplateData) -> String {
    STANDARD.encode(data.encode_to_vec())
}

/// What a row has kept.
pub fn read(kept: &str) -> Result<ec2::RequestLaunchTemplateData, Fault> {
    let corrupt = |error: Box<dyn std::error::Error + Send + Sync>| Fault::internal("a launch template's data can not be read", error);
    let bytes = STANDARD.decode(kept).map_err(|error| corrupt(error.into()))?;
    ec2::RequestLaunchTemplateData::decode(bytes.as_slice()).map_err(|error| corrupt(error.into()))
}

/// The little that EC2 checks when data is given.
pub fn check(data: &ec2::RequestLaunchTemplateData) -> Result<(), Fault> {
    let is_base64 = data.user_data.as_deref().is_none_or(|text| STANDARD.decode(text).is_ok());
    if is_base64 {
        return Ok(());
    }
    Err(Fault::new(ErrorCode::InvalidUserDataMalformed, "Invalid BASE64 encoding of user data. Encode it in base64."))
}

/// A new version's data: `over`, with whatever parameter it does not give as `base` has it. A parameter is given whole: a list or a structure
/// takes the place of the other one, and no part of that is left.
pub fn overlay<M: Message + Default>(base: &M, over: &M) -> Result<M, Fault> {
    let (base, mut merged) = (base.encode_to_vec(), over.encode_to_vec());
    let rest = not_in(&base, &merged).map_err(|error| Fault::internal("a message of ours can not be read", error))?;
    merged.extend_from_slice(&rest);
    M::decode(merged.as_slice()).map_err(|error| Fault::internal("two messages can not be put together", error))
}

/// The fields of `base` that `over` has not.
fn not_in(base: &[u8], over: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut given = std::collections::BTreeSet::new();
    let mut reader = Reader::new(over);
    while !reader.is_empty() {
        given.insert(reader.field()?.0);
    }
    let (mut reader, mut rest) = (Reader::new(base), Writer::default());
    while !reader.is_empty() {
        let (number, value) = reader.field()?;
        if !given.contains(&number) {
            rest.write(number, value);
        }
    }
    Ok(rest.bytes)
}

/// What a new version takes over of the one that it is based on. EC2 leaves snapshots of block devices behind.
/// Source: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateLaunchTemplateVersion.html>.
pub fn inherited(mut source: ec2::RequestLaunchTemplateData) -> ec2::RequestLaunchTemplateData {
    for ebs in source.block_device_mappings.iter_mut().filter_map(|mapping| mapping.ebs.as_mut()) {
        ebs.snapshot_id = None;
    }
    source
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(image: Option<&str>, groups: &[&str]) -> ec2::RequestLaunchTemplateData {
        ec2::RequestLaunchTemplateData {
            image_id: image.map(Into::into),
            security_group_ids: groups.iter().map(|group| (*group).to_owned()).collect(),
            ..Default::default()
        }
    }

    #[test]
    fn what_is_kept_is_what_was_given() {
        let given =
            ec2::RequestLaunchTemplateData { key_name: Some(String::new()), ebs_optimized: Some(false), ..data(Some("ami-1"), &["a", ""]) };
        assert_eq!(read(&keep(&given)).unwrap(), given);
        assert_eq!(read("!").unwrap_err().code, ErrorCode::InternalError);
    }

    #[test]
    fn a_parameter_is_overlaid_whole_or_not_at_all() {
        assert_eq!(overlay(&data(Some("base"), &["a", "b"]), &data(None, &["c"])).unwrap(), data(Some("base"), &["c"]));
        assert_eq!(overlay(&data(Some("base"), &["a"]), &data(Some("over"), &[])).unwrap(), data(Some("over"), &["a"]));
        let options = |tokens: Option<&str>, hops: Option<i32>| ec2::RequestLaunchTemplateData {
            metadata_options: Some(ec2::LaunchTemplateInstanceMetadataOptionsRequest {
                http_tokens: tokens.map(Into::into),
                http_put_response_hop_limit: hops,
                ..Default::default()
            }),
            ..Default::default()
        };
        assert_eq!(overlay(&options(None, Some(3)), &options(Some("required"), None)).unwrap(), options(Some("required"), None));
    }

    #[test]
    fn snapshots_are_not_inherited() {
        let ebs = |snapshot: Option<&str>| ec2::LaunchTemplateEbsBlockDeviceRequest {
            snapshot_id: snapshot.map(Into::into),
            volume_size: Some(9),
            ..Default::default()
        };
        let mapped = |snapshot| ec2::RequestLaunchTemplateData {
            block_device_mappings: vec![ec2::LaunchTemplateBlockDeviceMappingRequest { ebs: Some(ebs(snapshot)), ..Default::default() }],
            ..Default::default()
        };
        assert_eq!(inherited(mapped(Some("snap-1"))), mapped(None));
    }
}
