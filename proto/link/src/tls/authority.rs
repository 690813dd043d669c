//! The install's own certificate authority: what it signs, and for whom. Who may ask is the scheduler's to decide, and where the key is kept.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use freehold_proto::internal::parts::Certified;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, SanType,
};
use rustls::pki_types::{CertificateDer, CertificateSigningRequestDer};

use super::{IMAGE_STORE, Key, RESERVED_DOMAIN, SCHEDULER, Unusable};
use crate::grant::KEY_LEN;
use crate::identity::{Identity, Kind};

/// A clock that is a little behind does not take a fresh certificate for one of the future.
const BACKDATED: Duration = Duration::from_mins(5);

const AUTHORITY_LIFETIME: Duration = Duration::from_hours(20 * 365 * 24);

/// Names that one gateway may serve at.
pub const MOST_NAMES: usize = 128;

const LONGEST_DNS_NAME: usize = 253;

/// Why no certificate is given.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    #[error("the request is malformed, or its sender does not have the key that it names")]
    Request,
    #[error("'{0}' can not stand in a certificate of this part")]
    Name(String),
    #[error("a certificate covers at most {MOST_NAMES} names and addresses")]
    TooMany,
    #[error("the certificate can not be made")]
    Failed(#[from] rcgen::Error),
}

/// An authority with its key.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    cluster_id: String,
    grant_key: [u8; KEY_LEN],
}

/// A new authority: its certificate (DER) and its key (PKCS #8).
pub fn generate(cluster_id: &str, now: SystemTime) -> Result<(Vec<u8>, Vec<u8>), Unusable> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = named(&format!("Freehold {cluster_id}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (params.not_before, params.not_after) = ((now - BACKDATED).into(), (now + AUTHORITY_LIFETIME).into());
    let certificate = params.self_signed(&key)?;
    Ok((certificate.der().to_vec(), key.serialize_der()))
}

fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

impl Authority {
    /// `key`: PKCS #8, as [`generate`] made it.
    pub fn open(certificate: Vec<u8>, key: &[u8], cluster_id: &str, grant_key: [u8; KEY_LEN]) -> Result<Self, Unusable> {
        let certificate = CertificateDer::from(certificate);
        let issuer = Issuer::from_ca_cert_der(&certificate, Key::from_pkcs8(key)?.into_pair())?;
        Ok(Self { issuer, certificate, cluster_id: cluster_id.to_owned(), grant_key })
    }

    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// Which key a request is for.
    pub fn requested_key(request: &[u8]) -> Result<[u8; 32], Denied> {
        let request = CertificateSigningRequestDer::from(request);
        let request = CertificateSigningRequestParams::from_der(&request).map_err(|_| Denied::Request)?;
        Ok(super::fingerprint(request.public_key.der_bytes()))
    }

    /// A certificate for whoever made `request`, as `kind` and `name`, until `now + lifetime`.
    pub fn certify(
        &self,
        kind: Kind,
        name: &str,
        names: &[String],
        request: &[u8],
        now: SystemTime,
        lifetime: Duration,
    ) -> Result<Certified, Denied> {
        let request = CertificateSigningRequestDer::from(request);
        let request = CertificateSigningRequestParams::from_der(&request).map_err(|_| Denied::Request)?;
        if !crate::identity::is_name(name) {
            return Err(Denied::Name(name.to_owned()));
        }
        let identity = Identity { cluster_id: self.cluster_id.clone(), kind, name: name.to_owned() };
        // Of the request only the key is taken over: everything else in it is its sender's wish.
        let mut params = CertificateParams::default();
        params.distinguished_name = named(&format!("{kind} {name}"));
        params.subject_alt_names = served(kind, names)?;
        params.subject_alt_names.insert(0, SanType::URI(identity.to_string().try_into()?));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = usages(kind);
        params.use_authority_key_identifier_extension = true;
        (params.not_before, params.not_after) = ((now - BACKDATED).into(), (now + lifetime).into());
        let certificate = params.signed_by(&request.public_key, &self.issuer)?;
        Ok(Certified {
            certificate: certificate.der().to_vec().into(),
            authority: self.certificate.to_vec().into(),
            cluster_id: self.cluster_id.clone(),
            grant_key: self.grant_key.to_vec().into(),
        })
    }
}

fn usages(kind: Kind) -> Vec<ExtendedKeyUsagePurpose> {
    match kind {
        Kind::Host | Kind::Operator => vec![ExtendedKeyUsagePurpose::ClientAuth],
        Kind::Gateway | Kind::ImageStore | Kind::Scheduler => {
            vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth]
        }
    }
}

/// The names that a part serves at.
fn served(kind: Kind, names: &[String]) -> Result<Vec<SanType>, Denied> {
    let own = |name: &str| Ok(vec![SanType::DnsName(name.try_into()?)]);
    match (kind, names) {
        (Kind::Scheduler, []) => own(SCHEDULER),
        (Kind::ImageStore, []) => own(IMAGE_STORE),
        (Kind::Host | Kind::Operator, []) => Ok(Vec::new()),
        (Kind::Gateway, names) if names.len() <= MOST_NAMES => names.iter().map(|name| public(name)).collect(),
        (Kind::Gateway, _) => Err(Denied::TooMany),
        (_, names) => Err(Denied::Name(names.first().cloned().unwrap_or_default())),
    }
}

fn public(name: &str) -> Result<SanType, Denied> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(SanType::IpAddress(address));
    }
    let lower = name.to_ascii_lowercase();
    let lower = lower.trim_end_matches('.');
    if !is_public_name(lower) {
        return Err(Denied::Name(name.to_owned()));
    }
    Ok(SanType::DnsName(lower.try_into()?))
}

/// Whether clients may know a gateway by it: a name of DNS in lower case, without a wildcard, outside the domain of the parts' own names.
pub fn is_public_name(name: &str) -> bool {
    let reserved = name == RESERVED_DOMAIN || name.strip_suffix(RESERVED_DOMAIN).is_some_and(|rest| rest.ends_with('.'));
    let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let label =
        |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(letters) && !label.starts_with('-') && !label.ends_with('-');
    name.len() <= LONGEST_DNS_NAME && name.split('.').all(label) && !reserved
}
