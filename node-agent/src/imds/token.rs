//! Session tokens of version 2.
//!
//! A token is its expiry and a nonce, sealed together with the instance's id by a key of this host: nothing is kept, so it survives a
//! restart of the agent, and it is worth nothing to another instance.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;

const KEY_FILE: &str = "imds.key";
const VERSION: u8 = 1;
/// Version, expiry, nonce.
const OPEN: usize = 1 + 8 + 8;
const SEAL: usize = 32;

/// The longest life of a token, six hours.
pub const LONGEST: u64 = 21600;

pub struct Tokens {
    key: [u8; 32],
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Tokens")
    }
}

impl Tokens {
    /// With the key in `directory`, drawn on first use.
    pub fn open(directory: &Path) -> io::Result<Self> {
        let path = directory.join(KEY_FILE);
        match std::fs::read(&path) {
            Ok(bytes) => {
                let key = bytes.try_into().map_err(|_| io::Error::other(format!("{} is damaged; remove it", path.display())))?;
                Ok(Self { key })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::draw(&path),
            Err(error) => Err(error),
        }
    }

    fn draw(path: &Path) -> io::Result<Self> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(io::Error::other)?;
        let new = path.with_extension("new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(&key)?;
        file.sync_all()?;
        std::fs::rename(new, path)?;
        if let Some(directory) = path.parent() {
            std::fs::File::open(directory)?.sync_all()?;
        }
        Ok(Self { key })
    }

    pub fn mint(&self, instance_id: &str, seconds: u64, now: SystemTime) -> io::Result<String> {
        let mut token = vec![VERSION];
        token.extend((since_epoch(now) + Duration::from_secs(seconds)).as_secs().to_be_bytes());
        let mut nonce = [0; 8];
        getrandom::fill(&mut nonce).map_err(io::Error::other)?;
        token.extend(nonce);
        let seal = self.seal(&token, instance_id);
        token.extend(seal.as_bytes());
        Ok(URL_SAFE.encode(token))
    }

    /// The seconds the token has left, if it is this instance's and has any.
    pub fn remaining(&self, token: &str, instance_id: &str, now: SystemTime) -> Option<u64> {
        // Longer ones are not worth decoding.
        let bytes = (token.len() <= 128).then(|| URL_SAFE.decode(token).ok()).flatten()?;
        let (open, seal) = bytes.split_at_checked(OPEN)?;
        let seal: [u8; SEAL] = seal.try_into().ok()?;
        // Compares in constant time.
        if open.first() != Some(&VERSION) || self.seal(open, instance_id) != blake3::Hash::from_bytes(seal) {
            return None;
        }
        let expiry = u64::from_be_bytes(open.get(1..9)?.try_into().ok()?);
        expiry.checked_sub(since_epoch(now).as_secs()).filter(|left| *left > 0)
    }

    fn seal(&self, open: &[u8], instance_id: &str) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(open).update(instance_id.as_bytes());
        hasher.finalize()
    }
}

fn since_epoch(time: SystemTime) -> Duration {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_token_is_good_for_its_instance_and_its_time_only() {
        let directory = tempfile::tempdir().unwrap();
        let tokens = Tokens::open(directory.path()).unwrap();
        let now = SystemTime::UNIX_EPOCH + Duration::from_hours(500_000);
        let token = tokens.mint("i-1", 60, now).unwrap();
        assert_eq!(tokens.remaining(&token, "i-1", now), Some(60));
        assert_eq!(tokens.remaining(&token, "i-1", now + Duration::from_secs(59)), Some(1));
        assert_eq!(tokens.remaining(&token, "i-1", now + Duration::from_mins(1)), None);
        assert_eq!(tokens.remaining(&token, "i-2", now), None);
    }

    #[test]
    fn a_token_outlives_the_agent_and_its_key_is_private() {
        let directory = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        let token = Tokens::open(directory.path()).unwrap().mint("i-1", 60, now).unwrap();
        assert_eq!(Tokens::open(directory.path()).unwrap().remaining(&token, "i-1", now), Some(60));
        let mode = std::fs::metadata(directory.path().join(KEY_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn no_altered_token_is_good() {
        let directory = tempfile::tempdir().unwrap();
        let tokens = Tokens::open(directory.path()).unwrap();
        let now = SystemTime::now();
        let token = tokens.mint("i-1", 60, now).unwrap();
        for at in 0..token.len() {
            let mut altered = token.clone().into_bytes();
            altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).unwrap();
            // The last characters hold spare bits, of which only one spelling decodes.
            assert!(altered == token || tokens.remaining(&altered, "i-1", now).is_none(), "{at}");
        }
        for nonsense in ["", "AQAAAA==", "not a token", &"A".repeat(200)] {
            assert_eq!(tokens.remaining(nonsense, "i-1", now), None);
        }
    }

    #[test]
    fn a_damaged_key_is_an_error_and_not_a_new_key() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(KEY_FILE), b"short").unwrap();
        assert!(Tokens::open(directory.path()).is_err());
    }
}
