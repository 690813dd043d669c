//! Seals secrets under a key that lives beside the database and never in it: a copy of the database alone gives nobody away.

use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use freehold_proto::Fault;
use freehold_proto::id::Entropy;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;

const KEY_LEN: usize = 32;

/// The install's sealing key, in memory.
pub struct Vault {
    key: LessSafeKey,
    material: [u8; KEY_LEN],
}

/// Why the key file is not used.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    #[error("the sealing key {0} can not be read or made")]
    Io(PathBuf, #[source] io::Error),
    #[error("the sealing key {0} must be a file of {KEY_LEN} bytes that nobody but its owner can read (mode 0600)")]
    Unsafe(PathBuf),
}

impl Vault {
    /// Reads the key file, or makes it if there is none.
    pub fn open(file: &Path, entropy: &dyn Entropy) -> Result<Self, Unusable> {
        let wrong = |error| Unusable::Io(file.to_owned(), error);
        let mut material = [0; KEY_LEN];
        match OpenOptions::new().read(true).open(file) {
            Ok(mut open) => {
                let metadata = open.metadata().map_err(wrong)?;
                if metadata.permissions().mode() & 0o077 != 0 || metadata.len() != KEY_LEN as u64 {
                    return Err(Unusable::Unsafe(file.to_owned()));
                }
                open.read_exact(&mut material).map_err(wrong)?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                entropy.fill(&mut material);
                write_durably(file, &material).map_err(wrong)?;
            }
            Err(error) => return Err(wrong(error)),
        }
        let key = UnboundKey::new(&CHACHA20_POLY1305, &material).map_err(|_| Unusable::Unsafe(file.to_owned()))?;
        Ok(Self { key: LessSafeKey::new(key), material })
    }

    /// Seals `secret` for `owner`, which it can not be moved away from.
    pub fn seal(&self, owner: &str, secret: &str, entropy: &dyn Entropy) -> Result<String, Fault> {
        let mut nonce = [0; NONCE_LEN];
        entropy.fill(&mut nonce);
        let mut sealed = secret.as_bytes().to_vec();
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(owner.as_bytes()), &mut sealed)
            .map_err(|error| Fault::internal("sealing a secret", error.to_string()))?;
        Ok(STANDARD.encode([&nonce[..], &sealed].concat()))
    }

    pub fn open_sealed(&self, owner: &str, sealed: &str) -> Result<String, Fault> {
        let damaged = || Fault::internal("a sealed secret can not be opened", "the sealing key is another one, or the row is damaged");
        let bytes = STANDARD.decode(sealed).map_err(|_| damaged())?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>().ok_or_else(damaged)?;
        let mut opened = sealed.to_vec();
        let secret = self
            .key
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(owner.as_bytes()), &mut opened)
            .map_err(|_| damaged())?;
        String::from_utf8(secret.to_vec()).map_err(|_| damaged())
    }

    /// A key for another purpose, which gives nothing away about this one.
    pub fn derive(&self, purpose: &str) -> [u8; KEY_LEN] {
        let mut derived = [0; KEY_LEN];
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &self.material), purpose.as_bytes());
        derived.copy_from_slice(&tag.as_ref()[..KEY_LEN]);
        derived
    }
}

/// Whole or not at all: an empty key file after a power cut would lock every secret away.
fn write_durably(file: &Path, material: &[u8]) -> io::Result<()> {
    let unfinished = file.with_extension("new");
    let mut open = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    open.write_all(material)?;
    open.sync_all()?;
    std::fs::rename(&unfinished, file)?;
    match file.parent() {
        Some(folder) => std::fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use freehold_proto::id::OsEntropy;

    #[test]
    fn a_secret_comes_back_for_its_owner_alone_also_after_reopening() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sealing.key");
        let sealed = Vault::open(&file, &OsEntropy).unwrap().seal("AKIA1", "secret", &OsEntropy).unwrap();
        assert!(!sealed.contains("secret"));
        let again = Vault::open(&file, &OsEntropy).unwrap();
        assert_eq!(again.open_sealed("AKIA1", &sealed).unwrap(), "secret");
        assert!(again.open_sealed("AKIA2", &sealed).is_err());
        assert!(again.open_sealed("AKIA1", "AAAA").is_err());
    }

    #[test]
    fn a_key_file_that_others_can_read_or_of_another_length_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sealing.key");
        Vault::open(&file, &OsEntropy).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(Vault::open(&file, &OsEntropy), Err(Unusable::Unsafe(_))));
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&file, b"short").unwrap();
        assert!(matches!(Vault::open(&file, &OsEntropy), Err(Unusable::Unsafe(_))));
    }
}
