//! A join token: one word to copy to another host, with everything that a part needs to join from there.
//!
//! It names the scheduler's addresses and the fingerprint of the install's authority, so that whoever answers at those addresses is believed
//! only with a certificate of that very authority; and a secret that is good once and not for long.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::identity::Kind;

const PREFIX: &str = "freehold-join-";

/// What a token says. Its `Debug` keeps the secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    pub kind: String,
    /// `host:port`, each tried in turn.
    pub scheduler: Vec<String>,
    pub image_store: Vec<String>,
    /// SHA-256 of the authority's certificate, hex.
    pub authority: String,
    pub secret: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not a join token: copy all of what `freehold host token` printed, from `{PREFIX}` on")]
pub struct NotAToken;

impl Token {
    pub fn kind(&self) -> Option<Kind> {
        Kind::parse(&self.kind)
    }

    /// Whether it is of the cluster whose authority's certificate has this fingerprint.
    pub fn is_of(&self, authority: &[u8; 32]) -> bool {
        self.authority == hex(authority)
    }
}

pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing into a String does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl fmt::Display for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A struct of texts always has a JSON form.
        let text = serde_json::to_vec(self).map_err(|_| fmt::Error)?;
        write!(formatter, "{PREFIX}{}", URL_SAFE_NO_PAD.encode(text))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Token for a {} at {:?}", self.kind, self.scheduler)
    }
}

impl FromStr for Token {
    type Err = NotAToken;

    fn from_str(text: &str) -> Result<Self, NotAToken> {
        let bytes = URL_SAFE_NO_PAD.decode(text.trim().strip_prefix(PREFIX).ok_or(NotAToken)?).map_err(|_| NotAToken)?;
        let token: Self = serde_json::from_slice(&bytes).map_err(|_| NotAToken)?;
        if token.kind().is_none() || token.scheduler.is_empty() { Err(NotAToken) } else { Ok(token) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_being_copied_and_half_of_one_is_none() {
        let token = Token {
            kind: "host".into(),
            scheduler: vec!["10.0.0.1:8774".into()],
            image_store: vec!["10.0.0.1:8775".into()],
            authority: "ab".repeat(32),
            secret: "s3cret".into(),
        };
        let text = token.to_string();
        assert_eq!(format!(" {text}\n").parse(), Ok(token.clone()));
        assert!(!format!("{token:?}").contains("s3cret"));
        for wrong in [&text[..text.len() - 4], &text[3..], "", "freehold-join-", "freehold-join-e30"] {
            assert_eq!(wrong.parse::<Token>(), Err(NotAToken), "{wrong}");
        }
    }
}
