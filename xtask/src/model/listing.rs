//! `proto/actions.toml`: which actions there are and what of each is done.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::Failure;
use super::contract::Contract;

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
    #[serde(default)]
    pub conversions: Vec<Conversion>,
}

/// A message that is to be made of another one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Conversion {
    pub from: String,
    pub to: String,
    /// Members that are called otherwise in the other message.
    #[serde(default)]
    pub renamed: BTreeMap<String, String>,
    /// Members that the other message has not.
    #[serde(default)]
    pub without: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Entry {
    pub status: Status,
    /// Parameter paths that are obeyed. `PATH.*` stands for all below a structure, and is no more once [`Listing::spell_out`] is through.
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

impl Entry {
    /// With the paths that there are; a `PATH.*` without any is the error.
    fn spell_out(&mut self, known: &[String]) -> Result<(), String> {
        for path in std::mem::take(&mut self.done) {
            let Some(above) = path.strip_suffix('*') else {
                self.done.push(path);
                continue;
            };
            let before = self.done.len();
            self.done.extend(known.iter().filter(|known| known.starts_with(above)).cloned());
            if self.done.len() == before {
                return Err(path);
            }
        }
        Ok(())
    }
}

impl Listing {
    pub fn load(path: &Path) -> Result<Self, Failure> {
        Ok(toml::from_str(&std::fs::read_to_string(path)?).map_err(|error| format!("{}: {error}", path.display()))?)
    }

    /// Puts the paths in the place of each `PATH.*`.
    pub fn spell_out(&mut self, contracts: &[Contract]) -> Result<(), Failure> {
        for contract in contracts {
            let families = self.services.get_mut(&contract.service).into_iter().flat_map(BTreeMap::values_mut);
            for (name, entry) in families.flatten() {
                let method = contract.methods().find(|(_, method)| method.name == *name).map(|(_, method)| method);
                let known = method.map(|method| super::coverage::parameters(contract, &method.request)).unwrap_or_default();
                entry.spell_out(&known).map_err(|path| format!("proto/actions.toml: {name} has no parameter {path}"))?;
            }
        }
        Ok(())
    }

    pub fn entry(&self, service: &str, family: &str, action: &str) -> Option<&Entry> {
        self.services.get(service)?.get(family)?.get(action)
    }
}
