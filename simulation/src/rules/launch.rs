//! RunInstances: all that is asked for at least, or nothing.

use std::collections::BTreeSet;

use super::answer::Element;
use super::instances::{Instance, State};
use super::query::{Given, Query};
use super::{Account, Faults, Rules, is_id, placement, room, same, tags, templates};

const VALUE: &str = "InvalidParameterValue";

/// The request with what its launch template gives it, and the version that gave it.
struct Whole<'a> {
    given: Given,
    template: Option<(&'a str, i64)>,
}

/// A request's own parameters go before; tags of both are there; another list is taken whole.
fn whole<'a>(own: &'a Account, query: &Query) -> Result<Whole<'a>, &'static str> {
    let asked = query.given.under("LaunchTemplate");
    if asked.0.is_empty() {
        return Ok(Whole { given: query.given.clone(), template: None });
    }
    let (id, template) = templates::named(own, &asked)?;
    let number = template.number(asked.get("Version").unwrap_or("$Default"))?;
    let data = template.versions.get(&number).ok_or("InvalidLaunchTemplateId.VersionNotFound")?;
    let mut given = data.clone();
    for list in ["SecurityGroupId", "SecurityGroup"] {
        if !query.list(list).is_empty() {
            given.remove(list);
        }
    }
    let joined = joined(&given, &query.given);
    given.remove("TagSpecification");
    given.0.extend(query.given.0.iter().filter(|(name, _)| !name.starts_with("TagSpecification.")).map(|(a, b)| (a.clone(), b.clone())));
    given.0.extend(joined.given.0);
    Ok(Whole { given, template: Some((id, number)) })
}

/// The tags of both by type, those of `over` before the others.
fn joined(under: &Given, over: &Given) -> Query {
    let types: BTreeSet<String> = [under, over].into_iter().flat_map(Given::tag_specifications).map(|(kind, _)| kind).collect();
    types.into_iter().enumerate().fold(Query::new(""), |query, (at, kind)| {
        let mut tags = tags::created(under, &kind);
        tags.extend(tags::created(over, &kind));
        let tags: Vec<(String, String)> = tags.into_iter().collect();
        let list = format!("TagSpecification.{}", at + 1);
        query.with(format!("{list}.ResourceType"), kind).with_plain_tags(&format!("{list}."), &tags)
    })
}

pub fn faults(rules: &Rules, own: &Account, query: &Query) -> Faults {
    let mut faults = tags::create_faults(&query.given, &["instance", "volume", "network-interface"]);
    let (min, max) = (query.given.number("MinCount"), query.given.number("MaxCount"));
    match (min, max) {
        (Some(min), Some(max)) => faults.extend((min < 1 || max < min).then_some(VALUE)),
        _ => faults.push("MissingParameter"),
    }
    faults.extend(query.get("LaunchTemplate.Version").and_then(|word| templates::number(word).err()));
    let whole = match whole(own, query) {
        Ok(whole) => whole,
        Err(fault) => {
            faults.push(fault);
            return faults;
        }
    };
    faults.extend(parameter_faults(rules, own, &whole.given));
    if faults.is_empty() {
        let instance_type = whole.given.get("InstanceType").unwrap_or_default();
        let room = rules.room(instance_type, placement::named(own, &whole.given));
        if i64::try_from(room).unwrap_or(i64::MAX) < min.unwrap_or_default() {
            faults.extend(rules.no_room(instance_type));
        }
    }
    faults
}

fn parameter_faults(rules: &Rules, own: &Account, given: &Given) -> Faults {
    let mut faults = Faults::new();
    match given.get("InstanceType") {
        None => faults.push("MissingParameter"),
        Some(name) => faults.extend(room::kind(name).is_none().then_some(VALUE)),
    }
    match given.get("ImageId") {
        None => faults.push("MissingParameter"),
        Some(id) if !is_id("ami", id) => faults.push("InvalidAMIID.Malformed"),
        Some(id) => faults.extend((id != rules.image_id).then_some("InvalidAMIID.NotFound")),
    }
    faults.extend(given.get("KeyName").filter(|name| !own.keys.contains_key(*name)).map(|_| "InvalidKeyPair.NotFound"));
    for id in given.list("SecurityGroupId") {
        if is_id("sg", id) {
            faults.extend((id != own.group_id).then_some("InvalidGroup.NotFound"));
        } else {
            faults.push("InvalidGroupId.Malformed");
        }
    }
    faults.extend(given.list("SecurityGroup").iter().find(|name| **name != "default").map(|_| "InvalidGroup.NotFound"));
    faults.extend(given.get("UserData").filter(|text| !is_base64(text)).map(|_| "InvalidUserData.Malformed"));
    let behaviour = given.get("InstanceInitiatedShutdownBehavior").unwrap_or("stop");
    faults.extend((!["stop", "terminate"].contains(&behaviour)).then_some(VALUE));
    faults.extend(metadata(&NEW, &given.under("MetadataOptions")).err());
    faults.extend(placement::launch_faults(own, given));
    faults
}

pub fn is_base64(text: &str) -> bool {
    text.len().is_multiple_of(4) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte))
}

/// What a new instance's metadata service does where nothing is said.
pub const NEW: [&str; 4] = ["optional", "1", "enabled", "disabled"];

/// The options with what is given.
pub fn metadata<T: AsRef<str>>(present: &[T; 4], given: &Given) -> Result<[String; 4], &'static str> {
    let names = ["HttpTokens", "HttpPutResponseHopLimit", "HttpEndpoint", "InstanceMetadataTags"];
    let options: [String; 4] = std::array::from_fn(|at| given.get(names[at]).unwrap_or(present[at].as_ref()).to_owned());
    let able = ["enabled", "disabled"];
    let hops = options[1].parse::<i64>().is_ok_and(|hops| (1..=64).contains(&hops));
    let words = ["optional", "required"].contains(&options[0].as_str()) && options[2..].iter().all(|word| able.contains(&word.as_str()));
    if hops && words { Ok(options) } else { Err(VALUE) }
}

pub fn accept(rules: &mut Rules, account: usize, query: &Query, answer: &Element) -> Result<Vec<String>, String> {
    let own = &rules.accounts[account];
    let whole = whole(own, query)?;
    let given = &whole.given;
    let room = rules.room(given.get("InstanceType").unwrap_or_default(), placement::named(own, given));
    let wanted = usize::try_from(given.number("MaxCount").unwrap_or_default()).unwrap_or_default().min(room);
    let mut tags = tags::created(given, "instance");
    if let Some((id, number)) = whole.template {
        tags.insert("aws:ec2launchtemplate:id".into(), id.into());
        tags.insert("aws:ec2launchtemplate:version".into(), number.to_string());
    }
    let mut instance = instance(own, given);
    answer.at("reservationId").clone_into(&mut instance.reservation);
    let ids: Vec<String> = answer.items("instancesSet").map(|item| item.at("instanceId").to_owned()).collect();
    if ids.len() != wanted {
        return Err(format!("{} instances were launched, and there was room for {wanted} of them", ids.len()));
    }
    let own = &mut rules.accounts[account];
    for (index, (id, item)) in ids.iter().zip(answer.items("instancesSet")).enumerate() {
        same("a new instance's state", item.at("instanceState/name"), "pending")?;
        // Which of a group's partitions it is in, nobody says who has not asked for one.
        instance.partition = item.at("placement/partitionNumber").parse().ok();
        let asked = given.number("Placement.PartitionNumber");
        if asked.is_some_and(|asked| instance.partition != Some(asked)) {
            return Err(format!("{id} is in the partition {:?}", instance.partition));
        }
        if !is_id("i", id) || own.instances.insert(id.clone(), Instance { index, ..instance.clone() }).is_some() {
            return Err(format!("{id} is no new instance's id"));
        }
        own.tags.insert(id.clone(), tags.clone());
    }
    Ok(ids)
}

fn instance(own: &Account, given: &Given) -> Instance {
    let text = |name: &str| given.get(name).map(ToOwned::to_owned);
    Instance {
        state: State::Pending,
        kind: text("InstanceType").unwrap_or_default(),
        key: text("KeyName"),
        user_data: text("UserData"),
        ends_on_shutdown: given.get("InstanceInitiatedShutdownBehavior") == Some("terminate"),
        no_termination: given.is("DisableApiTermination"),
        no_stop: given.is("DisableApiStop"),
        monitored: given.is("Monitoring.Enabled"),
        metadata: metadata(&NEW, &given.under("MetadataOptions")).unwrap_or_default(),
        source_dest_check: true,
        placement_group: placement::named(own, given).map(|(group, _)| group.id.clone()),
        partition: None,
        index: 0,
        token: text("ClientToken").unwrap_or_default(),
        reservation: String::new(),
        host: None,
        ended_stopped: false,
        ended_at: None,
        off: false,
        reason: "",
    }
}
