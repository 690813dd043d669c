//! What a tag may be, and the tags that come with a create request. Once for every resource.
//!
//! Keys and values are case-sensitive and are kept byte for byte. Limits: 50 tags per resource, 128 characters per key, 256 per value,
//! counted in Unicode characters; keys that begin with `aws:` are the service's own.
//!
//! Source: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions>.

use std::collections::BTreeMap;

use freehold_proto::{ErrorCode, Fault};

pub const MAX_TAGS: usize = 50;
const MAX_KEY_CHARACTERS: usize = 128;
const MAX_VALUE_CHARACTERS: usize = 256;

/// A resource's tags, by key.
pub type Tags = BTreeMap<String, String>;

/// One `TagSpecification` of a request.
pub struct TagSpecification<'a> {
    pub resource_type: Option<&'a str>,
    /// Key and value as sent; a value that was not sent is empty.
    pub tags: Vec<(Option<&'a str>, Option<&'a str>)>,
}

/// Checks a list of tags as a client gave it.
pub fn validate<'a>(given: impl IntoIterator<Item = (Option<&'a str>, Option<&'a str>)>) -> Result<Tags, Fault> {
    let mut tags = Tags::new();
    for (key, value) in given {
        let key = key.ok_or_else(|| Fault::new(ErrorCode::MissingParameter, "Each tag must have a key."))?;
        let value = value.unwrap_or_default();
        check_key(key)?;
        check_length("value", value, MAX_VALUE_CHARACTERS)?;
        if tags.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(invalid(format!("Duplicate tag key '{key}' specified.")));
        }
    }
    check_count(tags.len())?;
    Ok(tags)
}

/// Checks a key alone, as `DeleteTags` names it.
pub fn check_key(key: &str) -> Result<(), Fault> {
    if key.is_empty() {
        return Err(invalid("Tag key cannot be empty.".to_owned()));
    }
    // AWS reserves the prefix in any mixture of cases.
    if key.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:")) {
        return Err(invalid(format!("Tag keys starting with 'aws:' are reserved for internal use. Choose another key than '{key}'.")));
    }
    check_length("key", key, MAX_KEY_CHARACTERS)
}

/// Checks how many tags a resource would have. Tags of the service's own do not count.
pub fn check_count(tags: usize) -> Result<(), Fault> {
    if tags > MAX_TAGS {
        let message = format!("You have exceeded the number of tags allowed per resource. A resource may have at most {MAX_TAGS}.");
        return Err(Fault::new(ErrorCode::TagLimitExceeded, message));
    }
    Ok(())
}

fn check_length(part: &str, text: &str, most: usize) -> Result<(), Fault> {
    if text.chars().count() > most {
        return Err(invalid(format!("Tag {part} exceeds the maximum length of {most} characters.")));
    }
    // What XML 1.0 can not carry could be stored and never be read again.
    if text.chars().any(|c| (c.is_control() && !matches!(c, '\t' | '\n' | '\r')) || matches!(c, '\u{fffe}' | '\u{ffff}')) {
        return Err(invalid(format!("Tag {part} contains a control character.")));
    }
    Ok(())
}

/// The tags for a resource of `resource_type` that a create request brings; an error for any other type, which the action does not create.
pub fn on_create<'a>(resource_type: &str, specifications: impl IntoIterator<Item = TagSpecification<'a>>) -> Result<Tags, Fault> {
    Ok(on_create_of(&[resource_type], specifications)?.remove(resource_type).unwrap_or_default())
}

/// The same where an action creates several types of resource (`RunInstances`: instance, volume, network-interface): tags by type.
pub fn on_create_of<'a>(
    resource_types: &[&str],
    specifications: impl IntoIterator<Item = TagSpecification<'a>>,
) -> Result<BTreeMap<String, Tags>, Fault> {
    let mut by_type = BTreeMap::new();
    for TagSpecification { resource_type, tags } in specifications {
        let resource_type =
            resource_type.ok_or_else(|| Fault::new(ErrorCode::MissingParameter, "Each TagSpecification must have a ResourceType."))?;
        if !resource_types.contains(&resource_type) {
            let message =
                format!("'{resource_type}' is not a valid taggable resource type for this operation. Use {}.", resource_types.join(", "));
            return Err(invalid(message));
        }
        if tags.is_empty() {
            return Err(invalid("Tag specification must have at least one tag.".to_owned()));
        }
        if by_type.insert(resource_type.to_owned(), validate(tags)?).is_some() {
            return Err(invalid(format!("The resource type '{resource_type}' stands in more than one TagSpecification.")));
        }
    }
    Ok(by_type)
}

fn invalid(message: String) -> Fault {
    Fault::new(ErrorCode::InvalidParameterValue, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(tags: &[(&str, &str)]) -> Option<ErrorCode> {
        validate(tags.iter().map(|(key, value)| (Some(*key), Some(*value)))).err().map(|fault| fault.code)
    }

    #[test]
    fn awkward_keys_and_values_are_kept_as_they_are() {
        let tags = validate([(Some("Name"), Some("")), (Some("name"), None), (Some("a/b=c +@é漢"), Some(" <&>\"\n"))]).unwrap();
        assert_eq!(tags["Name"], "");
        assert_eq!(tags["name"], "");
        assert_eq!(tags["a/b=c +@é漢"], " <&>\"\n");
    }

    #[test]
    fn lengths_are_counted_in_characters() {
        assert_eq!(code(&[(&"é".repeat(128), &"漢".repeat(256))]), None);
        assert_eq!(code(&[(&"k".repeat(129), "")]), Some(ErrorCode::InvalidParameterValue));
        assert_eq!(code(&[("k", &"v".repeat(257))]), Some(ErrorCode::InvalidParameterValue));
    }

    #[test]
    fn reserved_empty_control_and_duplicate_keys_are_refused() {
        for key in ["aws:x", "AWS:cloudformation:stack", "", "bell\u{7}"] {
            assert_eq!(code(&[(key, "v")]), Some(ErrorCode::InvalidParameterValue), "{key}");
        }
        assert_eq!(code(&[("awsome", "v"), ("aws", "v")]), None);
        assert_eq!(code(&[("k", "1"), ("k", "2")]), Some(ErrorCode::InvalidParameterValue));
        assert_eq!(validate([(None, Some("v"))]).unwrap_err().code, ErrorCode::MissingParameter);
    }

    #[test]
    fn a_resource_has_at_most_50_tags() {
        let keys: Vec<String> = (0..51).map(|n| format!("k{n}")).collect();
        let tags: Vec<(&str, &str)> = keys.iter().map(|key| (key.as_str(), "v")).collect();
        assert_eq!(code(&tags[..50]), None);
        assert_eq!(code(&tags), Some(ErrorCode::TagLimitExceeded));
    }

    fn specification<'a>(resource_type: Option<&'a str>, tags: &[(&'a str, &'a str)]) -> TagSpecification<'a> {
        TagSpecification { resource_type, tags: tags.iter().map(|(k, v)| (Some(*k), Some(*v))).collect() }
    }

    #[test]
    fn a_create_takes_tags_for_what_it_creates_alone() {
        let tags = on_create("key-pair", [specification(Some("key-pair"), &[("Name", "me")])]).unwrap();
        assert_eq!(tags["Name"], "me");
        assert!(on_create("key-pair", []).unwrap().is_empty());
        for (given, code) in [
            (specification(Some("volume"), &[("a", "b")]), ErrorCode::InvalidParameterValue),
            (specification(None, &[("a", "b")]), ErrorCode::MissingParameter),
            (specification(Some("key-pair"), &[]), ErrorCode::InvalidParameterValue),
        ] {
            assert_eq!(on_create("key-pair", [given]).unwrap_err().code, code);
        }
        let twice = || specification(Some("key-pair"), &[("a", "b")]);
        assert_eq!(on_create("key-pair", [twice(), twice()]).unwrap_err().code, ErrorCode::InvalidParameterValue);
    }
}
