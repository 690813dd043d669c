//! The sealed `NextToken`: ChaCha20-Poly1305 over (expiry, last key), with the query as associated data.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use freehold_proto::id::Entropy;
use freehold_proto::{ErrorCode, Fault};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest;

/// How long a client may take between two pages.
const LIFETIME_MILLIS: i64 = 24 * 60 * 60 * 1000;
/// Longer than any token we make.
const MAX_TOKEN_LENGTH: usize = 1024;

/// What a token belongs to: account, action and question, as one digest.
#[derive(Debug)]
pub struct Query(digest::Digest);

impl Query {
    pub fn new(account_id: &str, action: &str, question: &[u8]) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        for part in [account_id.as_bytes(), action.as_bytes(), question] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        Self(context.finish())
    }
}

/// Seals and opens tokens under the install's own key.
#[derive(Clone)]
pub struct Sealer {
    key: LessSafeKey,
    entropy: Arc<dyn Entropy>,
}

impl Sealer {
    pub fn new(key: &[u8; 32], entropy: Arc<dyn Entropy>) -> Result<Self, Fault> {
        let key = UnboundKey::new(&CHACHA20_POLY1305, key).map_err(|error| Fault::internal("the page key", error.to_string()))?;
        Ok(Self { key: LessSafeKey::new(key), entropy })
    }

    pub(super) fn seal(&self, last: &str, query: &Query, now_millis: i64) -> Result<String, Fault> {
        let mut nonce = [0_u8; NONCE_LEN];
        self.entropy.fill(&mut nonce);
        let mut sealed = (now_millis + LIFETIME_MILLIS).to_be_bytes().to_vec();
        sealed.extend_from_slice(last.as_bytes());
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(&query.0), &mut sealed)
            .map_err(|error| Fault::internal("sealing a page token", error.to_string()))?;
        Ok(URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat()))
    }

    /// The last key that was given out. Every way to be wrong gets one answer, which tells a forger nothing.
    pub(super) fn open(&self, token: &str, query: &Query, now_millis: i64) -> Result<String, Fault> {
        self.try_open(token, query, now_millis).ok_or_else(|| {
            let message =
                "The specified NextToken is not valid: it has expired or does not belong to this request. Ask for the first page again.";
            Fault::new(ErrorCode::InvalidNextToken, message)
        })
    }

    fn try_open(&self, token: &str, query: &Query, now_millis: i64) -> Option<String> {
        if token.len() > MAX_TOKEN_LENGTH {
            return None;
        }
        let mut sealed = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (nonce, sealed) = sealed.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let opened = self.key.open_in_place(nonce, Aad::from(&query.0), sealed).ok()?;
        let (expiry, last) = opened.split_first_chunk::<8>()?;
        (now_millis < i64::from_be_bytes(*expiry)).then(|| String::from_utf8(last.to_vec()).ok())?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use freehold_proto::id::OsEntropy;

    fn sealer(byte: u8) -> Sealer {
        Sealer::new(&[byte; 32], Arc::new(OsEntropy)).unwrap()
    }

    fn query(account: &str, question: &str) -> Query {
        Query::new(account, "DescribeTags", question.as_bytes())
    }

    #[test]
    fn a_token_opens_for_its_own_query_until_it_expires() {
        let sealer = sealer(1);
        let token = sealer.seal("vol-7", &query("1", "q"), 1000).unwrap();
        assert_eq!(sealer.open(&token, &query("1", "q"), 1000 + LIFETIME_MILLIS - 1).unwrap(), "vol-7");
        let fault = sealer.open(&token, &query("1", "q"), 1000 + LIFETIME_MILLIS).unwrap_err();
        assert_eq!(fault.code, ErrorCode::InvalidNextToken);
    }

    #[test]
    fn a_token_opens_for_no_other_account_query_or_key() {
        let token = sealer(1).seal("vol-7", &query("1", "q"), 0).unwrap();
        assert!(sealer(1).open(&token, &query("2", "q"), 0).is_err());
        assert!(sealer(1).open(&token, &query("1", "r"), 0).is_err());
        assert!(sealer(2).open(&token, &query("1", "q"), 0).is_err());
    }

    #[test]
    fn no_changed_or_made_up_token_opens() {
        let sealer = sealer(1);
        let token = sealer.seal("vol-7", &query("1", "q"), 0).unwrap();
        for at in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert!(sealer.open(&String::from_utf8(changed).unwrap(), &query("1", "q"), 0).is_err(), "{at}");
        }
        for made_up in ["", "x", "é", &"A".repeat(2000), &"A".repeat(16)] {
            assert!(sealer.open(made_up, &query("1", "q"), 0).is_err(), "{made_up}");
        }
    }
}
