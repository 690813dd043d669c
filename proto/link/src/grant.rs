//! Grants: a host may fetch one image. The scheduler signs, the image store verifies without asking anybody.
//!
//! A grant is a JWT (EdDSA) that names host, manifest and expiry. It is worth nothing in other hands: whoever shows it must hold the
//! certificate of the host that it names.

use std::sync::Once;
use std::time::{Duration, SystemTime};

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::signature;
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, EncodingKey, Header, Validation};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde::{Deserialize, Serialize};

/// gRPC metadata key that carries a grant.
pub const METADATA: &str = "freehold-grant";

/// An Ed25519 public key.
pub const KEY_LEN: usize = 32;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    /// The cluster.
    iss: String,
    /// The host's id.
    sub: String,
    manifest: String,
    /// Seconds since the Unix epoch.
    exp: u64,
}

/// Why a grant is not honoured. For the log and the operator; the peer gets it as `PERMISSION_DENIED`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("the grant is not one that this cluster's scheduler signed")]
    Forged,
    #[error("the grant is another host's")]
    OtherHost,
    #[error("the grant is for another image")]
    OtherImage,
    #[error("the grant has expired; the host gets a fresh one from the scheduler")]
    Expired,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key that signs grants is damaged")]
pub struct Damaged;

/// Signs grants for one cluster.
pub struct Signer {
    key: EncodingKey,
    public: [u8; KEY_LEN],
    cluster_id: String,
    lifetime: Duration,
}

impl Signer {
    /// `pkcs8`: an Ed25519 key as [`generate`] makes it.
    pub fn new(pkcs8: &[u8], cluster_id: &str, lifetime: Duration) -> Result<Self, Damaged> {
        ring_signs();
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8).map_err(|_| Damaged)?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| Damaged)?;
        Ok(Self { key: EncodingKey::from_ed_der(pkcs8), public, cluster_id: cluster_id.to_owned(), lifetime })
    }

    pub fn public_key(&self) -> [u8; KEY_LEN] {
        self.public
    }

    /// How long a grant is good for.
    pub fn lifetime(&self) -> Duration {
        self.lifetime
    }

    pub fn grant(&self, host_id: &str, manifest: &str, now: SystemTime) -> Result<String, Error> {
        let claims = Claims {
            iss: self.cluster_id.clone(),
            sub: host_id.to_owned(),
            manifest: manifest.to_owned(),
            exp: seconds(now + self.lifetime),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), &claims, &self.key)
    }
}

/// A fresh key for [`Signer::new`], PKCS #8.
pub fn generate() -> Result<Vec<u8>, Damaged> {
    let document = Ed25519KeyPair::generate_pkcs8(&ring::rand::SystemRandom::new()).map_err(|_| Damaged)?;
    Ok(document.as_ref().to_vec())
}

/// Whether `grant` lets the host `host_id` of `cluster_id` fetch `manifest` at this moment.
pub fn verify(grant: &str, key: &[u8; KEY_LEN], cluster_id: &str, host_id: &str, manifest: &str, now: SystemTime) -> Result<(), Refused> {
    ring_signs();
    let mut validation = Validation::new(Algorithm::EdDSA);
    // The claims are checked below, against an injected clock.
    (validation.validate_exp, validation.validate_aud) = (false, false);
    validation.set_required_spec_claims(&["exp", "iss", "sub"]);
    validation.set_issuer(&[cluster_id]);
    let claims = jsonwebtoken::decode::<Claims>(grant, &DecodingKey::from_ed_der(key), &validation).map_err(|_| Refused::Forged)?.claims;
    if claims.sub != host_id {
        return Err(Refused::OtherHost);
    }
    if claims.manifest != manifest {
        return Err(Refused::OtherImage);
    }
    if seconds(now) >= claims.exp { Err(Refused::Expired) } else { Ok(()) }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Lends ring to `jsonwebtoken`, which brings no cryptography of its own that we allow.
fn ring_signs() {
    static PROVIDER: CryptoProvider =
        CryptoProvider { signer_factory: signer, verifier_factory: verifier, key_utils: KeyUtils::new_unimplemented() };
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // An error means that a provider is there already, and nobody else installs one.
        let _ = PROVIDER.install_default();
    });
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the provider's signature")]
fn signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>, Error> {
    if *algorithm != Algorithm::EdDSA || key.family() != AlgorithmFamily::Ed {
        return Err(ErrorKind::InvalidAlgorithm.into());
    }
    Ok(Box::new(EdSigner(Ed25519KeyPair::from_pkcs8(key.as_bytes()).map_err(|_| ErrorKind::InvalidKeyFormat)?)))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the provider's signature")]
fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error> {
    if *algorithm != Algorithm::EdDSA || key.family() != AlgorithmFamily::Ed {
        return Err(ErrorKind::InvalidAlgorithm.into());
    }
    Ok(Box::new(EdVerifier(key.try_get_as_bytes()?.to_vec())))
}

struct EdSigner(Ed25519KeyPair);

impl signature::Signer<Vec<u8>> for EdSigner {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        Ok(self.0.sign(message).as_ref().to_vec())
    }
}

impl JwtSigner for EdSigner {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

struct EdVerifier(Vec<u8>);

impl signature::Verifier<Vec<u8>> for EdVerifier {
    fn verify(&self, message: &[u8], signed: &Vec<u8>) -> Result<(), signature::Error> {
        UnparsedPublicKey::new(&ED25519, &self.0).verify(message, signed).map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for EdVerifier {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_hours(500_000)
    }

    fn signer(cluster_id: &str) -> Signer {
        Signer::new(&generate().unwrap(), cluster_id, HOUR).unwrap()
    }

    #[test]
    fn a_grant_is_for_one_host_one_image_one_cluster_and_a_while() {
        let signer = signer("c");
        let (key, grant) = (signer.public_key(), signer.grant("host-a", "m1", now()).unwrap());
        let ask = |cluster: &str, host: &str, manifest: &str, at| verify(&grant, &key, cluster, host, manifest, at);
        assert_eq!(ask("c", "host-a", "m1", now()), Ok(()));
        assert_eq!(ask("c", "host-a", "m1", now() + HOUR - Duration::from_secs(1)), Ok(()));
        assert_eq!(ask("c", "host-a", "m1", now() + HOUR), Err(Refused::Expired));
        assert_eq!(ask("c", "host-b", "m1", now()), Err(Refused::OtherHost));
        assert_eq!(ask("c", "host-a", "m2", now()), Err(Refused::OtherImage));
        assert_eq!(ask("d", "host-a", "m1", now()), Err(Refused::Forged));
    }

    #[test]
    fn what_the_scheduler_did_not_sign_is_refused() {
        let signer = signer("c");
        let grant = signer.grant("host-a", "m1", now()).unwrap();
        let ask = |grant: &str, key: [u8; KEY_LEN]| verify(grant, &key, "c", "host-a", "m1", now());
        assert_eq!(ask(&grant, self::signer("c").public_key()), Err(Refused::Forged), "another cloud's key");
        let [header, claims, seal] = grant.split('.').collect::<Vec<_>>().try_into().unwrap();
        let unsigned = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"none"}"#);
        let by_secret = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"HS256"}"#);
        let other = URL_SAFE_NO_PAD.encode(r#"{"iss":"c","sub":"host-a","manifest":"m1","exp":9999999999}"#);
        for forged in [
            format!("{unsigned}.{claims}."),
            format!("{unsigned}.{claims}.{seal}"),
            format!("{by_secret}.{claims}.{seal}"),
            format!("{header}.{other}.{seal}"),
            format!("{header}.{claims}"),
            String::new(),
        ] {
            assert_eq!(ask(&forged, signer.public_key()), Err(Refused::Forged), "{forged}");
        }
    }
}
