//! Key pairs.

use super::answer::Element;
use super::query::Query;
use super::tags;
use super::{Account, Faults, is_id, same};

#[derive(Clone, Debug)]
pub struct KeyPair {
    pub id: String,
    pub key_type: String,
    pub fingerprint: String,
}

const ABSENT: &str = "InvalidKeyPair.NotFound";

/// A public key that clients bring, and its kind.
pub const BROUGHT: [(&str, &str); 2] = [
    ("c3NoLWVkMjU1MTkgQUFBQUMzTnphQzFsWkRJMU5URTVBQUFBSUNDNU5GN1pHTDVkZExhbFNJcmd2UFpzV090OHFoUkVOaW1GL3RqUDUrc3ogbWU=", "ed25519"),
    ("bm90IGEga2V5", ""),
];

pub fn faults(own: &Account, query: &Query) -> Faults {
    let (name, id) = (query.get("KeyName"), query.get("KeyPairId"));
    if query.action == "DeleteKeyPair" {
        return match (name, id) {
            (Some(_), Some(_)) => vec!["InvalidParameterCombination"],
            (None, None) => vec!["MissingParameter"],
            // A name that is not there is no error.
            (Some(_), None) => Vec::new(),
            (None, Some(id)) if own.keys.values().any(|key| key.id == id) => Vec::new(),
            (None, Some(_)) => vec![ABSENT],
        };
    }
    let mut faults = tags::create_faults(&query.given, &["key-pair"]);
    let name = name.unwrap_or_default();
    let fits = (1..=255).contains(&name.chars().count()) && name.is_ascii() && name.trim() == name;
    faults.extend((!fits).then_some("InvalidParameterValue"));
    faults.extend(own.keys.contains_key(name).then_some("InvalidKeyPair.Duplicate"));
    if query.action == "ImportKeyPair" && kind_brought(query).is_empty() {
        faults.push("InvalidKey.Format");
    }
    faults.extend((query.get("KeyType") == Some("dsa")).then_some("InvalidParameterValue"));
    faults
}

fn kind_brought(query: &Query) -> &'static str {
    let material = query.get("PublicKeyMaterial").unwrap_or_default();
    BROUGHT.iter().find(|(known, _)| *known == material).map_or("", |(_, kind)| kind)
}

pub fn accept(own: &mut Account, query: &Query, answer: &Element) -> Result<(), String> {
    let name = query.get("KeyName");
    if query.action == "DeleteKeyPair" {
        let by_id = || own.keys.iter().find(|(_, key)| Some(key.id.as_str()) == query.get("KeyPairId")).map(|(name, _)| name.clone());
        let gone = name.map(ToOwned::to_owned).or_else(by_id).and_then(|name| own.keys.remove(&name));
        if let Some(key) = &gone {
            own.tags.remove(&key.id);
        }
        return same("the deleted key's id", answer.at("keyPairId"), gone.as_ref().map_or("", |key| &key.id));
    }
    let name = name.unwrap_or_default();
    same("the key's name", answer.at("keyName"), name)?;
    let key = KeyPair {
        id: answer.at("keyPairId").to_owned(),
        key_type: if query.action == "ImportKeyPair" { kind_brought(query) } else { query.get("KeyType").unwrap_or("rsa") }.to_owned(),
        fingerprint: answer.at("keyFingerprint").to_owned(),
    };
    if !is_id("key", &key.id) || key.fingerprint.is_empty() {
        return Err(format!("the key is answered as {key:?}"));
    }
    if query.action == "CreateKeyPair" && !answer.at("keyMaterial").starts_with("-----BEGIN") {
        return Err("the private key is not answered".into());
    }
    tags::create(own, &key.id, &query.given, "key-pair");
    own.keys.insert(name.to_owned(), key);
    Ok(())
}
