//! What of an instance can be changed once it is there, and when.

use super::launch::{NEW, is_base64, metadata};
use super::query::Query;
use super::{Account, Faults, instances, room};

const STATE: &str = "IncorrectInstanceState";
const TOGETHER: &str = "InvalidParameterCombination";

/// One attribute that a request changes.
enum Change<'a> {
    Type(&'a str),
    UserData(&'a str),
    NoTermination(bool),
    NoStop(bool),
    Shutdown(&'a str),
    SourceDestCheck(bool),
    /// Asked for at the one value that it has.
    Nothing,
}

fn changes(query: &Query) -> Vec<Change<'_>> {
    let flag = |name: &str| query.get(name).map(|value| value == "true");
    let mut changes = Vec::new();
    changes.extend(query.get("InstanceType.Value").map(Change::Type));
    changes.extend(query.get("UserData.Value").map(Change::UserData));
    changes.extend(flag("DisableApiTermination.Value").map(Change::NoTermination));
    changes.extend(flag("DisableApiStop.Value").map(Change::NoStop));
    changes.extend(query.get("InstanceInitiatedShutdownBehavior.Value").map(Change::Shutdown));
    changes.extend(flag("SourceDestCheck.Value").map(Change::SourceDestCheck));
    changes.extend(query.get("EbsOptimized.Value").map(|_| Change::Nothing));
    if let (Some(name), Some(value)) = (query.get("Attribute"), query.get("Value")) {
        changes.extend(match name {
            "instanceType" => Some(Change::Type(value)),
            "userData" => Some(Change::UserData(value)),
            "disableApiTermination" => Some(Change::NoTermination(value == "true")),
            "disableApiStop" => Some(Change::NoStop(value == "true")),
            _ => None,
        });
    }
    changes
}

pub fn faults(own: &Account, query: &Query) -> Faults {
    let id = query.get("InstanceId").unwrap_or_default().to_owned();
    let mut faults = instances::id_faults(own, std::slice::from_ref(&id));
    let one = own.instances.get(&id);
    faults.extend(one.filter(|one| one.state.ends()).map(|_| STATE));
    let off = one.is_none_or(|one| one.state == instances::State::Stopped);
    match query.action {
        "ModifyInstanceMetadataOptions" => {
            let present = one.map_or(NEW.map(String::from), |one| one.metadata.clone());
            faults.extend(metadata(&present, &query.given).err());
        }
        "ResetInstanceAttribute" => match query.get("Attribute") {
            Some("sourceDestCheck") => {}
            Some("kernel" | "ramdisk") => faults.extend((!off).then_some(STATE)),
            _ => faults.push(TOGETHER),
        },
        _ => {
            let changes = changes(query);
            faults.extend((changes.len() != 1).then_some(TOGETHER));
            for change in &changes {
                faults.extend(change_faults(change, off));
            }
        }
    }
    faults
}

fn change_faults(change: &Change<'_>, off: bool) -> Faults {
    let mut faults = Faults::new();
    match change {
        Change::Type(name) => {
            faults.extend((!off).then_some(STATE));
            faults.extend(room::kind(name).is_none().then_some("InvalidInstanceAttributeValue"));
        }
        Change::UserData(text) => {
            faults.extend((!off).then_some(STATE));
            faults.extend((!is_base64(text)).then_some("InvalidUserData.Malformed"));
        }
        Change::Shutdown(word) if !["stop", "terminate"].contains(word) => faults.push("InvalidParameterValue"),
        _ => {}
    }
    faults
}

pub fn accept(own: &mut Account, query: &Query) {
    let Some(one) = query.get("InstanceId").and_then(|id| own.instances.get_mut(id)) else { return };
    match query.action {
        "ModifyInstanceMetadataOptions" => one.metadata = metadata(&one.metadata, &query.given).unwrap_or_default(),
        "ResetInstanceAttribute" => one.source_dest_check |= query.get("Attribute") == Some("sourceDestCheck"),
        _ => {
            for change in changes(query) {
                match change {
                    Change::Type(name) => name.clone_into(&mut one.kind),
                    Change::UserData(text) => one.user_data = Some(text.to_owned()),
                    Change::NoTermination(on) => one.no_termination = on,
                    Change::NoStop(on) => one.no_stop = on,
                    Change::Shutdown(word) => one.ends_on_shutdown = word == "terminate",
                    Change::SourceDestCheck(on) => one.source_dest_check = on,
                    Change::Nothing => {}
                }
            }
        }
    }
}
