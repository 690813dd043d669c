//! `proto/actions.toml`: which actions there are and what of each is done.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::Failure;

#[derive(Deserialize)]
pub struct Listing {
    pub model: Settings,
    /// Service, family, action.
    #[serde(flatten)]
    pub services: BTreeMap<String, BTreeMap<String, BTreeMap<String, Entry>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// Service to API version.
    pub versions: BTreeMap<String, String>,
    /// Enums whose words the scheduler knows better than AWS's model of the day.
    pub open_words: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Entry {
    pub status: Status,
    /// Parameter paths that are obeyed.
    #[serde(default)]
    pub done: Vec<String>,
    /// Parameter paths that are accepted at the one value that asks for nothing.
    #[serde(default)]
    pub default_only: BTreeMap<String, String>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Has a handler.
    Served,
    /// Has messages, so that a handler can be written; clients are told `InvalidAction`.
    Planned,
}

impl Listing {
    pub fn load(path: &Path) -> Result<Self, Failure> {
        Ok(toml::from_str(&std::fs::read_to_string(path)?).map_err(|error| format!("{}: {error}", path.display()))?)
    }

    pub fn entry(&self, service: &str, family: &str, action: &str) -> Option<&Entry> {
        self.services.get(service)?.get(family)?.get(action)
    }
}
