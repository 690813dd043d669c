//! Launch templates and their versions. What a version says is kept as it was given.
//!
//! Source: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/manage-launch-template-versions.html>.

use std::collections::{BTreeMap, BTreeSet};

use super::answer::Element;
use super::launch::is_base64;
use super::query::{Given, Query};
use super::{Account, Faults, is_id, same, tags};

#[derive(Clone, Debug)]
pub struct Template {
    pub name: String,
    pub default: i64,
    pub latest: i64,
    /// The highest there ever was: no number comes again.
    pub highest: i64,
    pub versions: BTreeMap<i64, Given>,
}

impl Template {
    /// The number that a request's word for a version means.
    pub fn number(&self, word: &str) -> Result<i64, &'static str> {
        let other = if word == "$Latest" { self.latest } else { self.default };
        Ok(number(word)?.unwrap_or(other))
    }
}

const MISSING: &str = "MissingParameter";
const NO_VERSION: &str = "InvalidLaunchTemplateId.VersionNotFound";

/// The template that a request names.
pub fn named<'a>(own: &'a Account, given: &Given) -> Result<(&'a str, &'a Template), &'static str> {
    let found = match (given.get("LaunchTemplateId"), given.get("LaunchTemplateName")) {
        (Some(_), Some(_)) => return Err("InvalidParameterCombination"),
        (None, None) => return Err(MISSING),
        (Some(id), None) if !is_id("lt", id) => return Err("InvalidLaunchTemplateId.Malformed"),
        (Some(id), None) => own.templates.get_key_value(id).ok_or("InvalidLaunchTemplateId.NotFound")?,
        (None, Some(name)) if !is_name(name) => return Err("InvalidLaunchTemplateName.MalformedException"),
        (None, Some(name)) => {
            own.templates.iter().find(|(_, template)| template.name == name).ok_or("InvalidLaunchTemplateName.NotFoundException")?
        }
    };
    Ok((found.0, found.1))
}

/// A version's number, where a request's word for it is one: `$Latest` and `$Default` are none.
pub fn number(word: &str) -> Result<Option<i64>, &'static str> {
    if ["$Latest", "$Default"].contains(&word) {
        return Ok(None);
    }
    word.parse().ok().filter(|number| *number > 0).map(Some).ok_or("InvalidParameterValue")
}

fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "()./_-".contains(c);
    (3..=128).contains(&name.chars().count()) && name.chars().all(fits)
}

pub fn faults(own: &Account, query: &Query) -> Faults {
    let mut faults = Faults::new();
    let data = query.given.under("LaunchTemplateData");
    if matches!(query.action, "CreateLaunchTemplate" | "CreateLaunchTemplateVersion") {
        faults.extend(data.0.is_empty().then_some(MISSING));
        faults.extend(data.get("UserData").filter(|text| !is_base64(text)).map(|_| "InvalidUserData.Malformed"));
        let long = query.get("VersionDescription").is_some_and(|text| text.chars().count() > 255);
        faults.extend(long.then_some("InvalidParameterValue"));
    }
    if query.action == "CreateLaunchTemplate" {
        faults.extend(tags::create_faults(&query.given, &["launch-template"]));
        match query.get("LaunchTemplateName") {
            None => faults.push(MISSING),
            Some(name) if !is_name(name) => faults.push("InvalidLaunchTemplateName.MalformedException"),
            Some(name) if own.templates.values().any(|other| other.name == name) => {
                faults.push("InvalidLaunchTemplateName.AlreadyExistsException");
            }
            Some(_) => {}
        }
        return faults;
    }
    for word in ["SetDefaultVersion", "SourceVersion"] {
        faults.extend(query.get(word).and_then(|word| number(word).err()));
    }
    match named(own, &query.given) {
        // Of each version for itself, in the answer.
        Err(code) if query.action == "DeleteLaunchTemplateVersions" && !refuses_all(code) => {}
        Err(code) => faults.push(code),
        Ok((_, template)) => faults.extend(version_fault(template, query)),
    }
    faults
}

fn refuses_all(code: &str) -> bool {
    [MISSING, "InvalidParameterCombination"].contains(&code)
}

fn version_fault(template: &Template, query: &Query) -> Option<&'static str> {
    let word = match query.action {
        "ModifyLaunchTemplate" => query.get("SetDefaultVersion").ok_or(MISSING),
        "CreateLaunchTemplateVersion" => Ok(query.get("SourceVersion")?),
        _ => return None,
    };
    let number = word.and_then(|word| template.number(word));
    number.and_then(|number| if template.versions.contains_key(&number) { Ok(()) } else { Err(NO_VERSION) }).err()
}

pub fn accept(own: &mut Account, query: &Query, answer: &Element) -> Result<(), String> {
    let data = query.given.under("LaunchTemplateData");
    if query.action == "CreateLaunchTemplate" {
        let id = answer.at("launchTemplate/launchTemplateId").to_owned();
        let name = query.get("LaunchTemplateName").unwrap_or_default().to_owned();
        if !is_id("lt", &id) {
            return Err(format!("the template's id is {id:?}"));
        }
        tags::create(own, &id, &query.given, "launch-template");
        own.templates.insert(id, Template { name, default: 1, latest: 1, highest: 1, versions: BTreeMap::from([(1, data)]) });
        return Ok(());
    }
    let found = named(own, &query.given).map(|(id, _)| id.to_owned());
    let template = found.as_ref().ok().and_then(|id| own.templates.get_mut(id));
    match (query.action, template) {
        ("DeleteLaunchTemplateVersions", None) => not_deleted(query, answer),
        (_, None) => Err(format!("no such template: {found:?}")),
        ("DeleteLaunchTemplateVersions", Some(template)) => delete_versions(template, query, answer),
        ("CreateLaunchTemplateVersion", Some(template)) => create_version(template, query, data, answer),
        ("ModifyLaunchTemplate", Some(template)) => {
            template.default = template.number(query.get("SetDefaultVersion").unwrap_or_default())?;
            same("the default version", answer.at("launchTemplate/defaultVersionNumber"), &template.default.to_string())
        }
        (_, Some(_)) => {
            let id = found?;
            own.templates.remove(&id);
            own.tags.remove(&id);
            same("the deleted template", answer.at("launchTemplate/launchTemplateId"), &id)
        }
    }
}

/// What is not given is as the source has it.
fn create_version(template: &mut Template, query: &Query, data: Given, answer: &Element) -> Result<(), String> {
    let mut whole = Given::default();
    if let Some(word) = query.get("SourceVersion") {
        whole = template.versions.get(&template.number(word)?).cloned().unwrap_or_default();
    }
    let tops: BTreeSet<String> = data.0.keys().filter_map(|name| name.split('.').next()).map(ToOwned::to_owned).collect();
    for top in &tops {
        whole.remove(top);
    }
    whole.0.extend(data.0);
    template.highest += 1;
    template.latest = template.highest;
    template.versions.insert(template.latest, whole);
    same("the new version", answer.at("launchTemplateVersion/versionNumber"), &template.latest.to_string())
}

fn asked(query: &Query) -> BTreeSet<i64> {
    query.list("LaunchTemplateVersion").into_iter().filter_map(|text| text.parse().ok()).collect()
}

fn numbers(answer: &Element, list: &str) -> BTreeSet<i64> {
    answer.items(list).filter_map(|item| item.at("versionNumber").parse().ok()).collect()
}

const DELETED: &str = "successfullyDeletedLaunchTemplateVersionSet";
const LEFT: &str = "unsuccessfullyDeletedLaunchTemplateVersionSet";

fn not_deleted(query: &Query, answer: &Element) -> Result<(), String> {
    let (deleted, left) = (numbers(answer, DELETED), numbers(answer, LEFT));
    if deleted.is_empty() && left == asked(query) { Ok(()) } else { Err(format!("of no template {deleted:?} were deleted, {left:?} not")) }
}

/// The default version stays, and what is not there can not go.
fn delete_versions(template: &mut Template, query: &Query, answer: &Element) -> Result<(), String> {
    let goes = |number: &i64| *number != template.default && template.versions.contains_key(number);
    let (gone, left): (BTreeSet<i64>, BTreeSet<i64>) = asked(query).into_iter().partition(goes);
    template.versions.retain(|number, _| !gone.contains(number));
    template.latest = template.versions.keys().next_back().copied().unwrap_or(template.default);
    let said = (numbers(answer, DELETED), numbers(answer, LEFT));
    if said == (gone.clone(), left.clone()) {
        Ok(())
    } else {
        Err(format!("{said:?} were deleted and not, and should be {gone:?}, {left:?}"))
    }
}
