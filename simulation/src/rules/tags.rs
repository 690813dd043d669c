//! Tags, of whatever has them.
//!
//! Source: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions>.

use std::collections::BTreeMap;

use super::query::{Given, Query, TagGiven};
use super::{Account, Faults, Rules, is_id};

pub type Tags = BTreeMap<String, String>;

/// Of a client's own: those of `aws:` are not counted.
const MOST: usize = 50;
const TOO_MANY: &str = "TagLimitExceeded";
const VALUE: &str = "InvalidParameterValue";
const MISSING: &str = "MissingParameter";

fn is_own(key: &str) -> bool {
    !key.to_ascii_lowercase().starts_with("aws:")
}

fn key_fault(key: Option<&String>) -> Option<&'static str> {
    match key.map(String::as_str) {
        None => Some(MISSING),
        Some(key) if key.is_empty() || !is_own(key) || key.chars().count() > 128 => Some(VALUE),
        Some(_) => None,
    }
}

fn list_faults(tags: &[TagGiven]) -> Faults {
    let mut faults: Faults = tags.iter().filter_map(|(key, _)| key_fault(key.as_ref())).collect();
    let long = tags.iter().any(|(_, value)| value.as_ref().is_some_and(|value| value.chars().count() > 256));
    let twice = tags.iter().enumerate().any(|(at, (key, _))| tags[..at].iter().any(|(other, _)| other == key));
    faults.extend((long || twice).then_some(VALUE));
    faults.extend((tags.len() > MOST).then_some(TOO_MANY));
    faults
}

/// Of the tags that come with what is created, which is of one of these types.
pub fn create_faults(given: &Given, types: &[&str]) -> Faults {
    let specifications = given.tag_specifications();
    let mut faults = Faults::new();
    for (at, (kind, tags)) in specifications.iter().enumerate() {
        let twice = specifications[..at].iter().any(|(other, _)| other == kind);
        faults.extend((twice || tags.is_empty() || !types.contains(&kind.as_str())).then_some(VALUE));
        faults.extend(list_faults(tags));
    }
    faults
}

/// What a request gives something of a type that it creates.
pub fn created(given: &Given, kind: &str) -> Tags {
    let all = given.tag_specifications().into_iter().filter(|(other, _)| other == kind).flat_map(|(_, tags)| tags);
    all.filter_map(|(key, value)| Some((key?, value.unwrap_or_default()))).collect()
}

pub fn create(own: &mut Account, id: &str, given: &Given, kind: &str) {
    own.tags.insert(id.to_owned(), created(given, kind));
}

/// What can be tagged here, and the codes of an id of that kind that is malformed or of nothing.
const KINDS: [(&str, &str, &str); 5] = [
    ("i", "InvalidInstanceID.Malformed", "InvalidInstanceID.NotFound"),
    ("key", "InvalidKeyPair.NotFound", "InvalidKeyPair.NotFound"),
    ("lt", "InvalidLaunchTemplateId.Malformed", "InvalidLaunchTemplateId.NotFound"),
    ("pg", "InvalidPlacementGroupId.Malformed", "InvalidPlacementGroup.Unknown"),
    ("sg", "InvalidGroupId.Malformed", "InvalidGroup.NotFound"),
];

fn there(own: &Account, id: &str) -> bool {
    own.instances.contains_key(id)
        || own.keys.values().any(|key| key.id == id)
        || own.templates.contains_key(id)
        || own.placement_groups.values().any(|group| group.id == id)
        || own.group_id == id
}

fn id_fault(own: &Account, id: &str) -> Option<&'static str> {
    let prefix = id.rsplit_once('-').map(|(prefix, _)| prefix).unwrap_or_default();
    let Some((prefix, malformed, absent)) = KINDS.iter().find(|(known, ..)| *known == prefix) else { return Some("InvalidID") };
    if is_id(prefix, id) { (!there(own, id)).then_some(absent) } else { Some(malformed) }
}

pub fn faults(_: &Rules, own: &Account, query: &Query) -> Faults {
    let (ids, tags) = (query.list("ResourceId"), query.given.tags());
    let mut faults: Faults = ids.iter().filter_map(|id| id_fault(own, id)).collect();
    faults.extend(ids.is_empty().then_some(MISSING));
    if query.action == "DeleteTags" {
        faults.extend(tags.iter().filter_map(|(key, _)| key_fault(key.as_ref())));
        return faults;
    }
    faults.extend(tags.is_empty().then_some(MISSING));
    faults.extend(list_faults(&tags));
    let too_many = |id: &&&str| {
        let mut would = own.tags.get(**id).cloned().unwrap_or_default();
        would.extend(tags.iter().filter_map(|(key, value)| Some((key.clone()?, value.clone().unwrap_or_default()))));
        would.keys().filter(|key| is_own(key)).count() > MOST
    };
    faults.extend(ids.iter().find(too_many).map(|_| TOO_MANY));
    faults
}

pub fn accept(own: &mut Account, query: &Query) {
    let given = query.given.tags();
    for id in query.list("ResourceId") {
        let tags = own.tags.entry(id.to_owned()).or_default();
        if query.action == "CreateTags" {
            tags.extend(given.iter().filter_map(|(key, value)| Some((key.clone()?, value.clone().unwrap_or_default()))));
        } else if given.is_empty() {
            tags.retain(|key, _| !is_own(key));
        }
        if query.action == "DeleteTags" {
            for (key, value) in &given {
                tags.retain(|other, present| Some(other) != key.as_ref() || value.as_ref().is_some_and(|value| value != present));
            }
        }
    }
}
