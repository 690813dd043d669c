//! The day key: an HMAC derived from a secret for one day, region and service. It signs, and nothing leads back from it to the secret.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// 32 bytes that never reach a log and are overwritten when dropped.
#[derive(Clone)]
pub struct DayKey(Zeroizing<[u8; 32]>);

impl DayKey {
    /// `None` if these are not 32 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(|bytes| Self(Zeroizing::new(bytes)))
    }

    pub fn sign(&self, text: &[u8]) -> [u8; 32] {
        hmac(self.0.as_slice(), text)
    }

    #[cfg(test)]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// The chain from the secret, as the scheduler makes it.
    #[cfg(test)]
    pub fn derive(secret: &str, scope: &super::Scope) -> Self {
        let day = hmac(format!("AWS4{secret}").as_bytes(), scope.date.as_bytes());
        let service = hmac(&hmac(&day, scope.region.as_bytes()), scope.service.as_bytes());
        Self(Zeroizing::new(hmac(&service, b"aws4_request")))
    }
}

impl fmt::Debug for DayKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("DayKey(..)")
    }
}

#[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    mac.update(text);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_byte_of_the_key() {
        let key = DayKey::from_bytes(&[0xAB; 32]).unwrap();
        assert_eq!(format!("{key:?}"), "DayKey(..)");
    }

    #[test]
    fn a_key_of_another_length_is_none() {
        assert!(DayKey::from_bytes(&[0; 31]).is_none() && DayKey::from_bytes(&[]).is_none());
    }
}
