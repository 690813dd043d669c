//! The forms that many of EC2's messages share, to and from the domain's.

use std::collections::BTreeMap;

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};
use prost_types::Timestamp;

use crate::filter::Filter;
use crate::tags::{TagSpecification, Tags};

/// Milliseconds since the Unix epoch, as a message has it.
pub fn timestamp(millis: i64) -> Timestamp {
    let nanos = i32::try_from(millis.rem_euclid(1000)).unwrap_or_default() * 1_000_000;
    Timestamp { seconds: millis.div_euclid(1000), nanos }
}

/// `2026-01-02T03:04:05.000Z`, for the few members that EC2 keeps as text and for filters.
pub fn iso8601(millis: i64) -> String {
    let text = Timestamp { seconds: millis.div_euclid(1000), nanos: 0 }.to_string();
    format!("{}.{:03}Z", text.trim_end_matches('Z'), millis.rem_euclid(1000))
}

/// A resource's tags, by key.
pub fn tags(tags: &BTreeMap<String, String>) -> Vec<ec2::Tag> {
    tags.iter().map(|(key, value)| ec2::Tag { key: Some(key.clone()), value: Some(value.clone()) }).collect()
}

/// A request's filters.
pub fn filters(filters: &[ec2::Filter]) -> impl Iterator<Item = Filter<'_>> {
    filters.iter().map(|filter| Filter { name: filter.name.as_deref().unwrap_or_default(), values: &filter.values })
}

/// The form of a request's tags that [`crate::tags`] checks.
pub fn given_tags(tags: &[ec2::Tag]) -> impl Iterator<Item = (Option<&str>, Option<&str>)> {
    tags.iter().map(|tag| (tag.key.as_deref(), tag.value.as_deref()))
}

/// The tags that a create request brings for what it creates.
pub fn tags_on_create(resource_type: &str, specifications: &[ec2::TagSpecification]) -> Result<Tags, Fault> {
    let specifications = specifications
        .iter()
        .map(|given| TagSpecification { resource_type: given.resource_type.as_deref(), tags: given_tags(&given.tags).collect() });
    crate::tags::on_create(resource_type, specifications)
}

/// A parameter that the action can not do without.
pub fn missing(parameter: &str) -> Fault {
    Fault::new(ErrorCode::MissingParameter, format!("The request must contain the parameter {parameter}"))
}

/// EC2's numbers are 32-bit integers. What a row holds fits, or the message says the most it can.
pub fn int(value: impl TryInto<i32>) -> Option<i32> {
    Some(value.try_into().unwrap_or(i32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_milliseconds() {
        assert_eq!(iso8601(1_767_323_045_007), "2026-01-02T03:04:05.007Z");
        assert_eq!(timestamp(1_500), Timestamp { seconds: 1, nanos: 500_000_000 });
    }
}
