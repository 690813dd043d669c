//! A request laid over its launch template, as EC2 lays them: what both give the request says; a structure has what either of them gives of
//! it; in a list of things that have names (tags, block devices, interfaces) what both name is one thing, and any other list is taken
//! whole.
//!
//! Works on messages' bytes by the table of their shape, so that a member that AWS adds is merged like the others.
//!
//! Source: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/launch-instances-from-launch-template.html>.

use freehold_wire::protobuf::{Malformed, Reader, Value, Writer};
use freehold_wire::{Kind, Shape};

/// Lists of things that have names, and what that is.
const NAMED: &[(&str, &str)] =
    &[("BlockDeviceMapping", "DeviceName"), ("NetworkInterface", "DeviceIndex"), ("Tag", "Key"), ("TagSpecification", "ResourceType")];

/// The fields of a message, each with its number.
struct Fields<'a>(Vec<(u32, Value<'a>)>);

impl<'a> Fields<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (mut reader, mut fields) = (Reader::new(bytes), Vec::new());
        while !reader.is_empty() {
            fields.push(reader.field()?);
        }
        Ok(Self(fields))
    }

    /// Those of one number: several of a list.
    fn of(&self, number: u32) -> Vec<Value<'a>> {
        self.0.iter().filter(|(other, _)| *other == number).map(|(_, value)| *value).collect()
    }
}

/// The bytes of a message of `shape` with what `over` gives, and what `under` gives beside it.
pub fn merge(shape: &Shape, under: &[u8], over: &[u8]) -> Result<Vec<u8>, Malformed> {
    let (under, over) = (Fields::read(under)?, Fields::read(over)?);
    let mut out = Writer::default();
    for field in shape.fields {
        let (below, above) = (under.of(field.number), over.of(field.number));
        let list = field.item.is_some();
        match field.kind {
            Kind::Message(shape) if list => match name_of(field.query) {
                Some(name) => join(&mut out, field.number, shape, name, (&below, &above))?,
                None => write(&mut out, field.number, if above.is_empty() { &below } else { &above }),
            },
            Kind::Message(shape) => match (below.as_slice(), above.as_slice()) {
                ([Value::Span(below)], [Value::Span(above)]) => out.write(field.number, Value::Span(&merge(shape, below, above)?)),
                (below, []) => write(&mut out, field.number, below),
                (_, above) => write(&mut out, field.number, above),
            },
            // A scalar that every such structure has is not written where it is `false` or 0, and given all the same.
            _ if above.is_empty() && !field.required => write(&mut out, field.number, &below),
            _ => write(&mut out, field.number, &above),
        }
    }
    Ok(out.bytes)
}

fn name_of(list: &str) -> Option<&'static str> {
    NAMED.iter().find(|(known, _)| *known == list).map(|(_, name)| *name)
}

fn write(out: &mut Writer, number: u32, values: &[Value<'_>]) {
    for value in values {
        out.write(number, *value);
    }
}

/// One of a list of named things.
struct Thing<'a> {
    name: Option<Value<'a>>,
    bytes: &'a [u8],
}

fn things<'a>(shape: &Shape, name: &str, values: &[Value<'a>]) -> Result<Vec<Thing<'a>>, Malformed> {
    let number = shape.field(name).map(|field| field.number);
    let thing = |bytes: &'a [u8]| {
        let fields = Fields::read(bytes)?;
        Ok(Thing { name: number.and_then(|number| fields.of(number).first().copied()), bytes })
    };
    values.iter().filter_map(|value| if let Value::Span(bytes) = value { Some(thing(bytes)) } else { None }).collect()
}

/// Writes a list of named things: those below, each with what the one of the same name above gives, and then the others above.
fn join(out: &mut Writer, number: u32, shape: &Shape, name: &str, (below, above): (&[Value<'_>], &[Value<'_>])) -> Result<(), Malformed> {
    let (below, mut above) = (things(shape, name, below)?, things(shape, name, above)?);
    for Thing { name, bytes } in below {
        match above.iter().position(|over| name.is_some() && over.name == name).map(|at| above.remove(at)) {
            Some(over) => out.write(number, Value::Span(&merge(shape, bytes, over.bytes)?)),
            None => out.write(number, Value::Span(bytes)),
        }
    }
    for over in above {
        out.write(number, Value::Span(over.bytes));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use freehold_proto::aws::ec2;
    use prost::Message;

    fn merged(under: &ec2::RunInstancesRequest, over: &ec2::RunInstancesRequest) -> ec2::RunInstancesRequest {
        let shape = freehold_wire::operation("ec2", "RunInstances").unwrap().request;
        let bytes = super::merge(shape, &under.encode_to_vec(), &over.encode_to_vec()).unwrap();
        ec2::RunInstancesRequest::decode(bytes.as_slice()).unwrap()
    }

    fn tagged(kind: &str, tags: &[(&str, &str)]) -> ec2::TagSpecification {
        let tag = |(key, value): &(&str, &str)| ec2::Tag { key: Some((*key).into()), value: Some((*value).into()) };
        ec2::TagSpecification { resource_type: Some(kind.into()), tags: tags.iter().map(tag).collect() }
    }

    #[test]
    fn tags_are_joined_by_kind_and_key() {
        let with = |tag_specifications| ec2::RunInstancesRequest { tag_specifications, ..Default::default() };
        let under = with(vec![tagged("instance", &[("Owner", "b"), ("a", "1")]), tagged("volume", &[("c", "2")])]);
        let over = with(vec![tagged("network-interface", &[("d", "3")]), tagged("instance", &[("Owner", "TeamA"), ("e", "4")])]);
        let joined = vec![
            tagged("instance", &[("Owner", "TeamA"), ("a", "1"), ("e", "4")]),
            tagged("volume", &[("c", "2")]),
            tagged("network-interface", &[("d", "3")]),
        ];
        assert_eq!(merged(&under, &over), with(joined));
    }

    #[test]
    fn devices_are_joined_by_name_and_interfaces_by_index() {
        let disk = |name: &str, size, delete| ec2::BlockDeviceMapping {
            device_name: Some(name.into()),
            ebs: Some(ec2::EbsBlockDevice { volume_size: size, delete_on_termination: delete, ..Default::default() }),
            ..Default::default()
        };
        let card = |index, subnet: Option<&str>, groups: &[&str]| ec2::InstanceNetworkInterfaceSpecification {
            device_index: Some(index),
            subnet_id: subnet.map(Into::into),
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            ..Default::default()
        };
        let with = |block_device_mappings, network_interfaces| ec2::RunInstancesRequest {
            block_device_mappings,
            network_interfaces,
            ..Default::default()
        };
        let under = with(vec![disk("/dev/xvda", Some(8), Some(false))], vec![card(0, None, &["sg-1", "sg-2"])]);
        let over =
            with(vec![disk("/dev/xvdb", Some(9), None), disk("/dev/xvda", Some(20), None)], vec![card(0, Some("subnet-1"), &["sg-3"])]);
        let joined = with(
            vec![disk("/dev/xvda", Some(20), Some(false)), disk("/dev/xvdb", Some(9), None)],
            vec![card(0, Some("subnet-1"), &["sg-3"])],
        );
        assert_eq!(merged(&under, &over), joined);
    }

    #[test]
    fn structures_are_merged_and_other_lists_taken_whole() {
        let with = |tokens: Option<&str>, hops, groups: &[&str], monitored: Option<bool>| ec2::RunInstancesRequest {
            metadata_options: Some(ec2::InstanceMetadataOptionsRequest {
                http_tokens: tokens.map(Into::into),
                http_put_response_hop_limit: hops,
                ..Default::default()
            }),
            security_group_ids: groups.iter().map(|group| (*group).to_owned()).collect(),
            monitoring: monitored.map(|enabled| ec2::RunInstancesMonitoringEnabled { enabled }),
            ..Default::default()
        };
        let under = with(Some("optional"), Some(5), &["sg-1", "sg-2"], Some(true));
        assert_eq!(
            merged(&under, &with(Some("required"), None, &["sg-3"], Some(false))),
            with(Some("required"), Some(5), &["sg-3"], Some(false))
        );
        assert_eq!(merged(&under, &ec2::RunInstancesRequest::default()), under);
        let counted = ec2::RunInstancesRequest { min_count: 1, max_count: 2, ..Default::default() };
        assert_eq!(merged(&under, &counted), ec2::RunInstancesRequest { min_count: 1, max_count: 2, ..under });
    }
}
