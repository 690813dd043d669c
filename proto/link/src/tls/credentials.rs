//! What a part proves with who it is: its key, its certificate, the authority's certificate; in memory and as one file.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use freehold_proto::internal::parts::Certified;
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use serde::{Deserialize, Serialize};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::grant::KEY_LEN;
use crate::identity::Identity;

const FILE: &str = "credentials.json";

/// Where the parts that this one speaks to were when it joined: `host:port` each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reach {
    pub scheduler: Vec<String>,
    pub image_store: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    #[error("{0} can not be read or written")]
    Io(PathBuf, #[source] io::Error),
    #[error("{0} is damaged; remove it and join again")]
    Damaged(PathBuf),
    #[error("the certificate is not one that can be used: {0}")]
    Certificate(&'static str),
    #[error("a key could not be made")]
    Key(#[from] rcgen::Error),
    #[error("the certificate does not fit its key")]
    Mismatch(#[from] rustls::Error),
}

/// A key without a certificate yet: P-256, which every TLS stack speaks.
pub struct Key(KeyPair);

impl Key {
    pub fn generate() -> Result<Self, Unusable> {
        Ok(Self(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?))
    }

    pub(super) fn from_pkcs8(bytes: &[u8]) -> Result<Self, Unusable> {
        let key = PrivatePkcs8KeyDer::from(bytes);
        Ok(Self(KeyPair::from_pkcs8_der_and_sign_algo(&key, &PKCS_ECDSA_P256_SHA256)?))
    }

    pub(super) fn into_pair(self) -> KeyPair {
        self.0
    }

    pub(super) fn pkcs8(&self) -> &[u8] {
        self.0.serialized_der()
    }

    /// A request for a certificate: the public key, and the proof that its sender has the private one.
    pub fn request(&self) -> Result<Vec<u8>, Unusable> {
        Ok(CertificateParams::default().serialize_request(&self.0)?.der().to_vec())
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    key: String,
    certificate: String,
    authority: String,
    cluster_id: String,
    grant_key: String,
    /// Seconds since the Unix epoch.
    received: u64,
    reach: Reach,
}

/// A key with its certificate.
pub struct Credentials {
    pub identity: Identity,
    /// DNS names and addresses in the certificate.
    pub names: Vec<String>,
    pub authority: CertificateDer<'static>,
    pub grant_key: [u8; KEY_LEN],
    pub received: SystemTime,
    pub expires: SystemTime,
    pub reach: Reach,
    pub(super) certified: Arc<CertifiedKey>,
    key: Vec<u8>,
}

impl Credentials {
    /// Puts together what the scheduler certified and the key that it was asked for with.
    pub fn new(key: &Key, certified: &Certified, reach: Reach, now: SystemTime) -> Result<Self, Unusable> {
        Self::assemble(key.pkcs8().to_vec(), certified, reach, now)
    }

    fn assemble(key: Vec<u8>, answer: &Certified, reach: Reach, received: SystemTime) -> Result<Self, Unusable> {
        let leaf = CertificateDer::from(answer.certificate.to_vec());
        let authority = CertificateDer::from(answer.authority.to_vec());
        let Read { identity, names, expires, .. } = Read::from(&leaf).ok_or(Unusable::Certificate("it does not say whose it is"))?;
        if identity.cluster_id != answer.cluster_id {
            return Err(Unusable::Certificate("it is of another cluster"));
        }
        let grant_key = answer.grant_key.as_ref().try_into().map_err(|_| Unusable::Certificate("the key of grants is malformed"))?;
        let private = PrivateKeyDer::Pkcs8(key.clone().into());
        let certified = CertifiedKey::from_der(vec![leaf, authority.clone()], private, &rustls::crypto::ring::default_provider())?;
        Ok(Self { identity, names, authority, grant_key, received, expires, reach, certified: Arc::new(certified), key })
    }

    /// What an earlier run saved in `folder`; `None` if this part has never joined.
    pub fn load(folder: &Path) -> Result<Option<Self>, Unusable> {
        let path = folder.join(FILE);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Unusable::Io(path, error)),
        };
        Self::decode(&bytes).map(Some).ok_or(Unusable::Damaged(path))
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let record: Record = serde_json::from_slice(bytes).ok()?;
        let bytes = |text: &str| STANDARD.decode(text).ok();
        let answer = Certified {
            certificate: bytes(&record.certificate)?.into(),
            authority: bytes(&record.authority)?.into(),
            cluster_id: record.cluster_id,
            grant_key: bytes(&record.grant_key)?.into(),
        };
        let received = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(record.received))?;
        Self::assemble(bytes(&record.key)?, &answer, record.reach, received).ok()
    }

    /// Replaces what is in `folder`, durably: whole or not at all, readable by nobody else.
    pub fn save(&self, folder: &Path) -> Result<(), Unusable> {
        let leaf = self.certified.cert.first().map(|leaf| STANDARD.encode(leaf)).unwrap_or_default();
        let record = Record {
            key: STANDARD.encode(&self.key),
            certificate: leaf,
            authority: STANDARD.encode(&self.authority),
            cluster_id: self.identity.cluster_id.clone(),
            grant_key: STANDARD.encode(self.grant_key),
            received: self.received.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs(),
            reach: self.reach.clone(),
        };
        let path = folder.join(FILE);
        let written = serde_json::to_vec_pretty(&record).map_err(io::Error::from).and_then(|bytes| replace(&path, &bytes));
        written.map_err(|error| Unusable::Io(path, error))
    }

    #[cfg(test)]
    pub(super) fn pkcs8(&self) -> &[u8] {
        &self.key
    }

    /// Whether this is its key, PKCS #8.
    pub(super) fn has_key(&self, key: &[u8]) -> bool {
        self.key == key
    }

    /// For clients' `ca_bundle`.
    pub fn authority_pem(&self) -> String {
        pem(&self.authority)
    }

    /// When a fresh certificate is to be asked for: half of its life is left for trying.
    pub fn renew_at(&self) -> SystemTime {
        self.received + self.expires.duration_since(self.received).unwrap_or_default() / 2
    }

    /// The certificate as the peer sees it.
    pub fn leaf(&self) -> &[u8] {
        self.certified.cert.first().map(AsRef::as_ref).unwrap_or_default()
    }
}

/// A certificate as text.
pub fn pem(certificate: &[u8]) -> String {
    let text = STANDARD.encode(certificate);
    let lines: Vec<&str> = text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let aside = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&aside, path)?;
    std::fs::File::open(folder)?.sync_all()
}

/// What a certificate says of its holder. Whether it may be believed is for the verifier to say.
pub(super) struct Read {
    pub identity: Identity,
    pub names: Vec<String>,
    pub key: [u8; 32],
    pub expires: SystemTime,
}

impl Read {
    pub fn from(certificate: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
        let seconds = u64::try_from(certificate.validity().not_after.timestamp()).ok()?;
        let expires = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))?;
        let mut identity = None;
        let mut names = Vec::new();
        for name in &certificate.subject_alternative_name().ok()??.value.general_names {
            match name {
                // Of two identities neither counts.
                GeneralName::URI(uri) if identity.is_some() || uri.parse::<Identity>().is_err() => return None,
                GeneralName::URI(uri) => identity = uri.parse().ok(),
                GeneralName::DNSName(name) => names.push((*name).to_owned()),
                GeneralName::IPAddress(bytes) => names.push(address(bytes)?.to_string()),
                _ => {}
            }
        }
        let key = super::fingerprint(&certificate.public_key().subject_public_key.data);
        Some(Self { identity: identity?, names, key, expires })
    }
}

fn address(bytes: &[u8]) -> Option<std::net::IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(Into::into),
        _ => <[u8; 16]>::try_from(bytes).ok().map(Into::into),
    }
}
