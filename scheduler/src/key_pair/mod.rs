//! Key pairs: making them, reading public keys that clients bring, and EC2's fingerprints.
//!
//! Pure: no store, no account. The private half is returned once to who asked for it and is kept nowhere.

mod fingerprint;
mod generate;
mod import;

use freehold_proto::{ErrorCode, Fault};

pub use generate::{Generated, generate};
pub use import::import;

/// EC2's `KeyType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyType {
    Rsa,
    Ed25519,
}

impl KeyType {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rsa => "rsa",
            Self::Ed25519 => "ed25519",
        }
    }

    pub fn parse(word: &str) -> Result<Self, Fault> {
        match word {
            "rsa" => Ok(Self::Rsa),
            "ed25519" => Ok(Self::Ed25519),
            _ => {
                let message = format!("Value ({word}) for parameter KeyType is invalid. Use rsa or ed25519.");
                Err(Fault::new(ErrorCode::InvalidParameterValue, message))
            }
        }
    }
}

/// The public half, as it is stored and handed to guests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    pub key_type: KeyType,
    /// `ssh-rsa AAAA…`, without a comment.
    pub openssh: String,
    pub fingerprint: String,
}

/// EC2's rule: 1 to 255 ASCII characters, and none at an end that nobody sees.
pub fn check_name(name: &str) -> Result<(), Fault> {
    let fits = (1..=255).contains(&name.len()) && name.bytes().all(|byte| matches!(byte, b' '..=b'~')) && name.trim() == name;
    if fits {
        return Ok(());
    }
    let message = "Value for parameter KeyName is invalid. Use 1 to 255 printable ASCII characters without spaces at either end.";
    Err(Fault::new(ErrorCode::InvalidParameterValue, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_1_to_255_printable_ascii_characters() {
        for name in ["me", "my key", "~", &"k".repeat(255)] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["", " me", "me ", "schlüssel", "a\nb", &"k".repeat(256)] {
            assert_eq!(check_name(name).unwrap_err().code, ErrorCode::InvalidParameterValue, "{name}");
        }
    }

    #[test]
    fn a_key_type_is_one_of_two_words() {
        for kind in [KeyType::Rsa, KeyType::Ed25519] {
            assert_eq!(KeyType::parse(kind.as_str()).unwrap(), kind);
        }
        assert!(KeyType::parse("RSA").is_err());
    }
}
