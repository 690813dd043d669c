//! Making a key pair: RSA of 2048 bits as PKCS#1 PEM, or ED25519 as OpenSSH PEM, as EC2's `KeyFormat` `pem` means.
//!
//! Finding RSA primes takes long enough to hold up a whole runtime: it runs on the blocking pool, and callers must not be inside a
//! transaction.

use std::sync::Arc;

use freehold_proto::Fault;
use freehold_proto::id::Entropy;
use rsa::pkcs1::EncodeRsaPrivateKey as _;
use rsa::pkcs8::EncodePrivateKey as _;
use rsa::rand_core::{CryptoRng, Error, RngCore};
use ssh_key::private::Ed25519Keypair;
use ssh_key::public::KeyData;

use super::{KeyType, PublicKey, fingerprint};

const RSA_BITS: usize = 2048;

/// A fresh pair. `Debug` is left out on purpose: nothing may print the private half.
pub struct Generated {
    pub public: PublicKey,
    /// PEM, for the client's eyes alone.
    pub material: String,
}

/// Draws a key pair on the blocking pool.
pub async fn generate(key_type: KeyType, entropy: Arc<dyn Entropy>) -> Result<Generated, Fault> {
    let made = tokio::task::spawn_blocking(move || match key_type {
        KeyType::Rsa => rsa(entropy.as_ref()),
        KeyType::Ed25519 => ed25519(entropy.as_ref()),
    });
    made.await.map_err(|error| Fault::internal("making a key pair", error))?
}

fn rsa(entropy: &dyn Entropy) -> Result<Generated, Fault> {
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| Fault::internal("making an RSA key pair", error);
    let private = rsa::RsaPrivateKey::new(&mut Draw(entropy), RSA_BITS).map_err(|error| failed(error.into()))?;
    let material = private.to_pkcs1_pem(rsa::pkcs8::LineEnding::LF).map_err(|error| failed(error.into()))?;
    let pkcs8 = private.to_pkcs8_der().map_err(|error| failed(error.into()))?;
    let public = ssh_key::public::RsaPublicKey::try_from(private.to_public_key()).map_err(|error| failed(error.into()))?;
    let openssh = ssh_key::PublicKey::from(KeyData::Rsa(public)).to_openssh().map_err(|error| failed(error.into()))?;
    let fingerprint = fingerprint::made_rsa(pkcs8.as_bytes());
    Ok(Generated { public: PublicKey { key_type: KeyType::Rsa, openssh, fingerprint }, material: material.to_string() })
}

fn ed25519(entropy: &dyn Entropy) -> Result<Generated, Fault> {
    let failed = |error| Fault::internal("making an ED25519 key pair", error);
    let mut seed = [0_u8; 32];
    entropy.fill(&mut seed);
    let private = ssh_key::PrivateKey::from(Ed25519Keypair::from_seed(&seed));
    let material = private.to_openssh(ssh_key::LineEnding::LF).map_err(failed)?;
    let openssh = private.public_key().to_openssh().map_err(failed)?;
    let fingerprint = fingerprint::ed25519(&private.public_key().to_bytes().map_err(failed)?);
    Ok(Generated { public: PublicKey { key_type: KeyType::Ed25519, openssh, fingerprint }, material: material.to_string() })
}

/// [`Entropy`] in the shape that the `rsa` crate asks for.
struct Draw<'a>(&'a dyn Entropy);

impl RngCore for Draw<'_> {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        self.0.fill(bytes);
        Ok(())
    }
}

impl CryptoRng for Draw<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key_pair::import;
    use freehold_proto::id::OsEntropy;
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    /// Runs a tool of the machine over `input`; the judge of our formats is not ourselves.
    fn tool(program: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let mut child = Command::new(program).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect(program);
        child.stdin.take().unwrap().write_all(input).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{program} {arguments:?}");
        output.stdout
    }

    fn private_file(material: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap(); // 0600, as ssh-keygen wants it
        file.write_all(material.as_bytes()).unwrap();
        file
    }

    fn public_half(material: &str) -> String {
        let file = private_file(material);
        let printed = tool("ssh-keygen", &["-y", "-P", "", "-f", file.path().to_str().unwrap()], b"");
        String::from_utf8(printed).unwrap().split_whitespace().take(2).collect::<Vec<_>>().join(" ")
    }

    #[tokio::test]
    async fn an_rsa_pair_is_pkcs1_and_its_fingerprint_is_openssls() {
        let made = generate(KeyType::Rsa, Arc::new(OsEntropy)).await.unwrap();
        assert!(made.material.starts_with("-----BEGIN RSA PRIVATE KEY-----\n"));
        assert_eq!(public_half(&made.material), made.public.openssh);
        let der = tool("openssl", &["pkcs8", "-topk8", "-nocrypt", "-outform", "DER"], made.material.as_bytes());
        let digest = tool("openssl", &["sha1", "-c"], &der);
        assert_eq!(String::from_utf8(digest).unwrap().trim().rsplit(' ').next().unwrap(), made.public.fingerprint);
        let spki = tool("openssl", &["rsa", "-pubout", "-outform", "DER"], made.material.as_bytes());
        let digest = tool("openssl", &["md5", "-c"], &spki);
        let imported = import(made.public.openssh.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(digest).unwrap().trim().rsplit(' ').next().unwrap(), imported.fingerprint);
    }

    #[tokio::test]
    async fn an_ed25519_pair_is_openssh_and_its_fingerprint_is_ssh_keygens() {
        let made = generate(KeyType::Ed25519, Arc::new(OsEntropy)).await.unwrap();
        assert!(made.material.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----\n"));
        assert_eq!(public_half(&made.material), made.public.openssh);
        let file = private_file(&made.material);
        let printed = String::from_utf8(tool("ssh-keygen", &["-l", "-E", "sha256", "-f", file.path().to_str().unwrap()], b"")).unwrap();
        let theirs = printed.split(' ').find_map(|word| word.strip_prefix("SHA256:")).unwrap();
        assert_eq!(format!("{theirs}="), made.public.fingerprint);
        assert_eq!(import(made.public.openssh.as_bytes()).unwrap(), made.public);
    }
}
