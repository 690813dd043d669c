//! EC2's three fingerprints.
//!
//! * RSA that was imported: MD5 of the public key's DER (`SubjectPublicKeyInfo`), hex with colons.
//! * RSA that EC2 made: SHA-1 of the private key's PKCS#8 DER, hex with colons.
//! * ED25519 either way: SHA-256 of the key as SSH sends it, base64 with padding and without a `SHA256:` before it.
//!
//! Source: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/verify-keys.html>.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};

pub(super) fn imported_rsa(spki_der: &[u8]) -> String {
    colons(&Md5::digest(spki_der))
}

pub(super) fn made_rsa(pkcs8_der: &[u8]) -> String {
    colons(ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, pkcs8_der).as_ref())
}

pub(super) fn ed25519(wire: &[u8]) -> String {
    STANDARD.encode(ring::digest::digest(&ring::digest::SHA256, wire))
}

fn colons(digest: &[u8]) -> String {
    let pairs: Vec<String> = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    pairs.join(":")
}
