//! What each Describe has to show of an account: everything the model has of it, and nothing else.

use std::collections::BTreeMap;

use super::answer::Element;
use super::instances::{Instance, State};
use super::query::{Given, Query};
use super::tags::Tags;
use super::{Account, Rules};

/// What is shown of one thing, by name.
pub type Facts = BTreeMap<&'static str, String>;

/// By id.
pub type All = BTreeMap<String, Facts>;

/// A Describe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Instances,
    Status,
    Tags,
    Keys,
    Groups,
    PlacementGroups,
    Templates,
    Versions,
}

impl Family {
    pub const ALL: [Self; 8] =
        [Self::Instances, Self::Status, Self::Tags, Self::Keys, Self::Groups, Self::PlacementGroups, Self::Templates, Self::Versions];

    /// Those that what an action does is seen by.
    pub fn of(action: &str) -> &'static [Self] {
        match action {
            _ if action.contains("KeyPair") => &[Self::Keys],
            _ if action.contains("SecurityGroup") => &[Self::Groups],
            _ if action.contains("PlacementGroup") => &[Self::PlacementGroups],
            _ if action.contains("LaunchTemplate") => &[Self::Templates, Self::Versions],
            _ if action.contains("Tags") => &[Self::Tags],
            _ => &[Self::Instances],
        }
    }

    pub fn question(self) -> Query {
        match self {
            Self::Instances => Query::new("DescribeInstances"),
            Self::Status => Query::new("DescribeInstanceStatus"),
            Self::Tags => Query::new("DescribeTags"),
            Self::Keys => Query::new("DescribeKeyPairs"),
            Self::Groups => Query::new("DescribeSecurityGroups"),
            Self::PlacementGroups => Query::new("DescribePlacementGroups"),
            Self::Templates => Query::new("DescribeLaunchTemplates"),
            Self::Versions => Query::new("DescribeLaunchTemplateVersions").with_list("LaunchTemplateVersion", ["$Latest", "$Default"]),
        }
    }

    /// The smallest page, of what has pages.
    pub fn page(self) -> Option<usize> {
        match self {
            Self::Instances | Self::Status | Self::Tags | Self::Groups => Some(5),
            Self::Templates | Self::Versions => Some(1),
            Self::Keys | Self::PlacementGroups => None,
        }
    }

    /// What an answer shows.
    pub fn read(self, answer: &Element) -> Vec<(String, Facts)> {
        let list = |name: &'static str, id: &'static str, facts: fn(&Element) -> Facts| {
            answer.items(name).map(|item| (item.at(id).to_owned(), facts(item))).collect()
        };
        match self {
            Self::Instances => answer.items("reservationSet").flat_map(reservation).collect(),
            Self::Status => list("instanceStatusSet", "instanceId", |item| one("state", item.at("instanceState/name"))),
            Self::Tags => answer.items("tagSet").map(tag_shown).collect(),
            Self::Keys => list("keySet", "keyPairId", key_shown),
            Self::Groups => list("securityGroupInfo", "groupId", |item| one("open", &open_shown(item))),
            Self::PlacementGroups => list("placementGroupSet", "groupId", placement_shown),
            Self::Templates => list("launchTemplates", "launchTemplateId", template_shown),
            Self::Versions => answer.items("launchTemplateVersionSet").map(version_shown).collect(),
        }
    }

    /// What it has to show.
    pub fn should(self, rules: &Rules, own: &Account) -> All {
        let no_tags = Tags::new();
        let tags = |id: &String| said(own.tags.get(id).unwrap_or(&no_tags));
        match self {
            Self::Instances => own.instances.iter().map(|(id, one)| (id.clone(), instance(rules, own, id, one))).collect(),
            Self::Status => {
                let running = own.instances.iter().filter(|(_, one)| one.state == State::Running);
                running.map(|(id, _)| (id.clone(), one("state", "running"))).collect()
            }
            Self::Tags => own.tags.iter().flat_map(|(id, tags)| tags.iter().map(move |tag| tag_of(id, tag))).collect(),
            Self::Keys => own
                .keys
                .iter()
                .map(|(name, key)| {
                    let facts = [("name", name.clone()), ("type", key.key_type.clone()), ("fingerprint", key.fingerprint.clone())];
                    (key.id.clone(), facts.into_iter().chain([("tags", tags(&key.id))]).collect())
                })
                .collect(),
            Self::Groups => All::from([(own.group_id.clone(), one("open", &open(own)))]),
            Self::PlacementGroups => own
                .placement_groups
                .iter()
                .map(|(name, group)| {
                    let count = group.partitions.map(|count| count.to_string()).unwrap_or_default();
                    let facts = [("name", name.clone()), ("strategy", group.strategy.word().into()), ("partitions", count)];
                    (group.id.clone(), facts.into_iter().chain([("tags", tags(&group.id))]).collect())
                })
                .collect(),
            Self::Templates => own
                .templates
                .iter()
                .map(|(id, template)| {
                    let (default, latest) = (template.default.to_string(), template.latest.to_string());
                    (
                        id.clone(),
                        Facts::from([("name", template.name.clone()), ("default", default), ("latest", latest), ("tags", tags(id))]),
                    )
                })
                .collect(),
            Self::Versions => versions(own),
        }
    }
}

fn one(name: &'static str, value: &str) -> Facts {
    Facts::from([(name, value.to_owned())])
}

fn said(tags: &Tags) -> String {
    tags.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
}

fn tags_shown(item: &Element) -> String {
    said(&item.items("tagSet").map(|tag| (tag.at("key").to_owned(), tag.at("value").to_owned())).collect())
}

fn reservation(reservation: &Element) -> impl Iterator<Item = (String, Facts)> {
    let id = reservation.at("reservationId");
    reservation.items("instancesSet").map(move |item| {
        let mut facts = instance_shown(item);
        facts.insert("reservation", id.to_owned());
        (item.at("instanceId").to_owned(), facts)
    })
}

const INSTANCE: [(&str, &str); 14] = [
    ("state", "instanceState/name"),
    ("reason", "stateReason/code"),
    ("type", "instanceType"),
    ("key", "keyName"),
    ("image", "imageId"),
    ("index", "amiLaunchIndex"),
    ("token", "clientToken"),
    ("placement group", "placement/groupName"),
    ("partition", "placement/partitionNumber"),
    ("monitoring", "monitoring/state"),
    ("tokens", "metadataOptions/httpTokens"),
    ("hop limit", "metadataOptions/httpPutResponseHopLimit"),
    ("endpoint", "metadataOptions/httpEndpoint"),
    ("tags in metadata", "metadataOptions/instanceMetadataTags"),
];

fn instance_shown(item: &Element) -> Facts {
    let mut facts: Facts = INSTANCE.iter().map(|(name, path)| (*name, item.at(path).to_owned())).collect();
    facts.insert("tags", tags_shown(item));
    facts.insert("groups", item.items("groupSet").map(|group| group.at("groupId")).collect::<Vec<_>>().join(" "));
    facts.insert("sourceDestCheck", item.at("sourceDestCheck").to_owned());
    facts
}

fn instance(rules: &Rules, own: &Account, id: &String, one: &Instance) -> Facts {
    let group = one.placement_group.as_ref();
    let group = own.placement_groups.iter().find(|(_, other)| Some(&other.id) == group).map(|(name, _)| name.clone());
    let here = one.state != State::Terminated;
    let [tokens, hops, endpoint, tags] = one.metadata.clone();
    Facts::from([
        ("state", one.state.word().into()),
        ("reason", one.shown_reason().into()),
        ("type", one.kind.clone()),
        ("key", one.key.clone().unwrap_or_default()),
        ("image", rules.image_id.clone()),
        ("index", one.index.to_string()),
        ("token", one.token.clone()),
        ("placement group", group.unwrap_or_default()),
        ("partition", one.partition.map(|number| number.to_string()).unwrap_or_default()),
        ("monitoring", if one.monitored { "enabled" } else { "disabled" }.into()),
        ("tokens", tokens),
        ("hop limit", hops),
        ("endpoint", endpoint),
        ("tags in metadata", tags),
        ("tags", own.tags.get(id).map(said).unwrap_or_default()),
        // It has left its network.
        ("groups", if here { own.group_id.clone() } else { String::new() }),
        ("sourceDestCheck", if here { one.source_dest_check.to_string() } else { String::new() }),
        ("reservation", one.reservation.clone()),
    ])
}

/// One attribute as DescribeInstanceAttribute has to show it: its element, and its value.
pub fn attribute(one: &Instance, name: &str) -> String {
    match name {
        "disableApiTermination" => one.no_termination.to_string(),
        "disableApiStop" => one.no_stop.to_string(),
        "instanceInitiatedShutdownBehavior" => if one.ends_on_shutdown { "terminate" } else { "stop" }.into(),
        "instanceType" => one.kind.clone(),
        _ => one.user_data.clone().unwrap_or_default(),
    }
}

pub const ATTRIBUTES: [&str; 5] =
    ["disableApiTermination", "disableApiStop", "instanceInitiatedShutdownBehavior", "instanceType", "userData"];

fn tag_shown(item: &Element) -> (String, Facts) {
    let id = format!("{} {}", item.at("resourceId"), item.at("key"));
    (id, Facts::from([("type", item.at("resourceType").into()), ("value", item.at("value").into())]))
}

fn tag_of(id: &str, (key, value): (&String, &String)) -> (String, Facts) {
    let kind = match id.rsplit_once('-').map(|(prefix, _)| prefix) {
        Some("i") => "instance",
        Some("key") => "key-pair",
        Some("lt") => "launch-template",
        Some("pg") => "placement-group",
        _ => "security-group",
    };
    (format!("{id} {key}"), Facts::from([("type", kind.into()), ("value", value.clone())]))
}

fn key_shown(item: &Element) -> Facts {
    let facts = [("name", item.at("keyName")), ("type", item.at("keyType")), ("fingerprint", item.at("keyFingerprint"))];
    facts.into_iter().map(|(name, value)| (name, value.to_owned())).chain([("tags", tags_shown(item))]).collect()
}

fn placement_shown(item: &Element) -> Facts {
    let facts = [("name", item.at("groupName")), ("strategy", item.at("strategy")), ("partitions", item.at("partitionCount"))];
    facts.into_iter().map(|(name, value)| (name, value.to_owned())).chain([("tags", tags_shown(item))]).collect()
}

fn template_shown(item: &Element) -> Facts {
    let number = |name: &str| item.at(name).to_owned();
    let (default, latest) = (number("defaultVersionNumber"), number("latestVersionNumber"));
    Facts::from([("name", number("launchTemplateName")), ("default", default), ("latest", latest), ("tags", tags_shown(item))])
}

/// What lets packets in from networks, on one line.
fn open_shown(item: &Element) -> String {
    let mut rules = Vec::new();
    for permission in item.items("ipPermissions") {
        for range in permission.items("ipRanges") {
            let port = |name: &str| permission.at(name).parse().unwrap_or(-1);
            rules.push((permission.at("ipProtocol").to_owned(), port("fromPort"), port("toPort"), range.at("cidrIp").to_owned()));
        }
    }
    rules.sort();
    format!("{rules:?}")
}

fn open(own: &Account) -> String {
    format!("{:?}", own.open.iter().collect::<Vec<_>>())
}

/// What of a version's data is compared: its parameter, and where it is shown.
const DATA: [(&str, &str); 9] = [
    ("ImageId", "imageId"),
    ("InstanceType", "instanceType"),
    ("KeyName", "keyName"),
    ("UserData", "userData"),
    ("DisableApiTermination", "disableApiTermination"),
    ("InstanceInitiatedShutdownBehavior", "instanceInitiatedShutdownBehavior"),
    ("Monitoring.Enabled", "monitoring/enabled"),
    ("MetadataOptions.HttpTokens", "metadataOptions/httpTokens"),
    ("TagSpecification.1.Tag.1.Key", "tagSpecificationSet/item/tagSet/item/key"),
];

fn version_shown(item: &Element) -> (String, Facts) {
    let data = item.child("launchTemplateData");
    let mut facts: Facts = DATA.iter().map(|(name, path)| (*name, data.at(path).to_owned())).collect();
    facts.insert("default", item.at("defaultVersion").to_owned());
    (format!("{} {}", item.at("launchTemplateId"), item.at("versionNumber")), facts)
}

/// The latest and the default one of each template.
fn versions(own: &Account) -> All {
    let mut all = All::new();
    for (id, template) in &own.templates {
        for number in [template.latest, template.default] {
            let nothing = Given::default();
            let data = template.versions.get(&number).unwrap_or(&nothing);
            let mut facts: Facts = DATA.iter().map(|(name, _)| (*name, data.get(name).unwrap_or_default().to_owned())).collect();
            facts.insert("default", (number == template.default).to_string());
            all.insert(format!("{id} {number}"), facts);
        }
    }
    all
}

/// The first of the things that are not shown as they should be.
pub fn differ(shown: &All, should: &All) -> Option<String> {
    if let Some(id) = should.keys().find(|id| !shown.contains_key(*id)) {
        return Some(format!("{id} is not shown"));
    }
    if let Some(id) = shown.keys().find(|id| !should.contains_key(*id)) {
        return Some(format!("{id} is shown: {:?}", shown[id]));
    }
    let (id, facts) = should.iter().find(|(id, facts)| shown[*id] != **facts)?;
    let wrong = facts.iter().filter(|(name, value)| shown[id].get(*name) != Some(value));
    let wrong: Vec<String> = wrong.map(|(name, value)| format!("{name} {:?} and not {value:?}", shown[id].get(name))).collect();
    Some(format!("{id} is shown with {}", wrong.join(", ")))
}
