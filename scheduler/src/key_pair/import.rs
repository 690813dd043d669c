//! Reading a public key that a client brings.
//!
//! EC2 takes three forms: an OpenSSH line, an RFC 4716 file, and base64 of the DER (which a PEM also is). RSA of 1024, 2048 or 4096 bits,
//! or ED25519; no DSA, no ECDSA. Source: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/create-key-pairs.html>.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use freehold_proto::{ErrorCode, Fault};
use rsa::pkcs8::{DecodePublicKey as _, EncodePublicKey as _};
use rsa::traits::PublicKeyParts as _;
use ssh_key::public::KeyData;

use super::{KeyType, PublicKey, fingerprint};

/// The longest key that is accepted (RSA 4096) needs under 1 KiB in each form; comments get the rest.
const MAX_MATERIAL: usize = 16 * 1024;
const RFC4716: (&str, &str) = ("---- BEGIN SSH2 PUBLIC KEY ----", "---- END SSH2 PUBLIC KEY ----");

/// Reads `PublicKeyMaterial`, already decoded from the request's own base64.
pub fn import(material: &[u8]) -> Result<PublicKey, Fault> {
    let text = std::str::from_utf8(material).ok().filter(|text| text.len() <= MAX_MATERIAL).map(str::trim).ok_or_else(unreadable)?;
    let key = openssh(text).or_else(|| rfc4716(text)).or_else(|| der(text)).ok_or_else(unreadable)?;
    accept(&key)
}

fn openssh(text: &str) -> Option<KeyData> {
    (text.lines().count() == 1).then(|| ssh_key::PublicKey::from_openssh(text).ok())?.map(|key| key.key_data().clone())
}

/// Headers (`Comment: …`, continued after a backslash) and then the base64 of the wire form.
fn rfc4716(text: &str) -> Option<KeyData> {
    let body = text.strip_prefix(RFC4716.0)?.strip_suffix(RFC4716.1)?;
    let mut continued = false;
    let mut encoded = String::new();
    for line in body.lines().map(str::trim) {
        let header = continued || line.contains(':');
        continued = header && line.ends_with('\\');
        if !header {
            encoded.push_str(line);
        }
    }
    wire(&STANDARD.decode(encoded).ok()?)
}

/// PEM, or the base64 between its lines alone; of a `SubjectPublicKeyInfo` or of the SSH wire form.
fn der(text: &str) -> Option<KeyData> {
    let bare = text.strip_prefix("-----BEGIN PUBLIC KEY-----").and_then(|rest| rest.strip_suffix("-----END PUBLIC KEY-----"));
    let encoded: String = bare.unwrap_or(text).split_whitespace().collect();
    let bytes = STANDARD.decode(encoded).ok()?;
    spki_rsa(&bytes).or_else(|| spki_ed25519(&bytes)).or_else(|| wire(&bytes))
}

fn spki_rsa(der: &[u8]) -> Option<KeyData> {
    let key = rsa::RsaPublicKey::from_public_key_der(der).ok()?;
    Some(KeyData::Rsa(key.try_into().ok()?))
}

/// RFC 8410: the algorithm's twelve bytes are the same for every key.
fn spki_ed25519(der: &[u8]) -> Option<KeyData> {
    const PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    let key: [u8; 32] = der.strip_prefix(&PREFIX)?.try_into().ok()?;
    Some(KeyData::Ed25519(ssh_key::public::Ed25519PublicKey(key)))
}

fn wire(bytes: &[u8]) -> Option<KeyData> {
    ssh_key::PublicKey::from_bytes(bytes).ok().map(|key| key.key_data().clone())
}

fn accept(key: &KeyData) -> Result<PublicKey, Fault> {
    let public = ssh_key::PublicKey::from(key.clone());
    let (key_type, fingerprint) = match key {
        KeyData::Rsa(rsa) => (KeyType::Rsa, rsa_fingerprint(rsa)?),
        KeyData::Ed25519(_) => (KeyType::Ed25519, fingerprint::ed25519(&public.to_bytes().map_err(|_| unreadable())?)),
        _ => return Err(refused("Key type is not supported. Use an RSA or an ED25519 key.")),
    };
    let openssh = public.to_openssh().map_err(|_| unreadable())?;
    Ok(PublicKey { key_type, openssh, fingerprint })
}

fn rsa_fingerprint(key: &ssh_key::public::RsaPublicKey) -> Result<String, Fault> {
    // Not by ssh-key's own conversion: it refuses the 1024 bits that EC2 takes.
    let number = |mpint: &ssh_key::Mpint| mpint.as_positive_bytes().map(rsa::BigUint::from_bytes_be).ok_or_else(unreadable);
    let key = rsa::RsaPublicKey::new(number(&key.n)?, number(&key.e)?).map_err(|_| unreadable())?;
    if !matches!(key.n().bits(), 1024 | 2048 | 4096) {
        return Err(refused("Key length is not supported. Use an RSA key of 1024, 2048 or 4096 bits."));
    }
    let spki = key.to_public_key_der().map_err(|_| unreadable())?;
    Ok(fingerprint::imported_rsa(spki.as_bytes()))
}

fn unreadable() -> Fault {
    refused("Key is not in valid OpenSSH public key format")
}

fn refused(message: &str) -> Fault {
    Fault::new(ErrorCode::InvalidKeyFormat, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use std::process::Command;

    fn ssh_keygen(arguments: &[&str]) -> String {
        let output = Command::new("ssh-keygen").args(arguments).output().expect("ssh-keygen");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// One key in each form that the machine's own tools write.
    fn forms(folder: &Path, kind: &[&str]) -> Vec<String> {
        let path = folder.join("key");
        let path = path.to_str().unwrap();
        ssh_keygen(&[&["-q", "-N", "", "-C", "a comment: with a colon", "-f", path], kind].concat());
        let openssh = std::fs::read_to_string(format!("{path}.pub")).unwrap();
        let rfc4716 = ssh_keygen(&["-e", "-m", "RFC4716", "-f", path]);
        let mut forms =
            vec![openssh.split(' ').take(2).collect::<Vec<_>>().join(" "), openssh.split(' ').nth(1).unwrap().to_owned(), openssh, rfc4716];
        if kind[1] == "rsa" {
            let pem = ssh_keygen(&["-e", "-m", "PKCS8", "-f", path]);
            forms.push(pem.lines().filter(|line| !line.starts_with('-')).collect());
            forms.push(pem);
        }
        forms
    }

    #[test]
    fn every_form_of_a_key_is_the_same_key() {
        for kind in [&["-t", "rsa", "-b", "2048"][..], &["-t", "rsa", "-b", "1024"], &["-t", "ed25519"]] {
            let folder = tempfile::tempdir().unwrap();
            let forms = forms(folder.path(), kind);
            let first = import(forms[0].as_bytes()).expect(&forms[0]);
            assert_eq!(first.openssh, forms[0]);
            assert_eq!(first.key_type.as_str(), kind[1]);
            for form in &forms {
                assert_eq!(import(form.as_bytes()).ok().as_ref(), Some(&first), "{form}");
            }
        }
    }

    #[test]
    fn an_ed25519_spki_is_read() {
        let output = Command::new("openssl").args(["genpkey", "-algorithm", "ed25519"]).output().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        std::fs::write(&path, output.stdout).unwrap();
        let pem = Command::new("openssl").args(["pkey", "-pubout", "-in"]).arg(&path).output().unwrap().stdout;
        assert_eq!(import(&pem).unwrap().key_type, KeyType::Ed25519);
    }

    #[test]
    fn other_kinds_and_lengths_are_refused_in_words() {
        for (kind, word) in [(&["-t", "ecdsa", "-b", "256"][..], "type"), (&["-t", "rsa", "-b", "3072"], "length")] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("key");
            ssh_keygen(&[&["-q", "-N", "", "-f", path.to_str().unwrap()], kind].concat());
            let fault = import(&std::fs::read(path.with_extension("pub")).unwrap()).unwrap_err();
            assert_eq!(fault.code, ErrorCode::InvalidKeyFormat);
            assert!(fault.message.contains(word), "{}", fault.message);
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in ["", "ssh-rsa", "ssh-rsa AAAA", "ssh-ed25519 AAAA me", "hello", RFC4716.0, "-----BEGIN PUBLIC KEY-----", "\u{0}"] {
            assert_eq!(import(text.as_bytes()).unwrap_err().code, ErrorCode::InvalidKeyFormat, "{text}");
        }
        assert!(import(b"\xff\xfe").is_err());
        assert!(import("A".repeat(MAX_MATERIAL + 1).as_bytes()).is_err());
    }

    #[test]
    fn no_bytes_make_it_panic() {
        arbtest::arbtest(|random| {
            let bytes: Vec<u8> = random.arbitrary()?;
            let _ = import(&bytes);
            let _ = import(format!("ssh-rsa {}", STANDARD.encode(&bytes)).as_bytes());
            let _ = import(format!("{}\n{}\n{}", RFC4716.0, STANDARD.encode(&bytes), RFC4716.1).as_bytes());
            Ok(())
        });
    }
}
