//! rustls, set up: ring, TLS 1.3 between parts, time from the injected clock, no resumption (a resumed session would carry on with the
//! certificate of the session before).

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use freehold_proto::clock::Clock;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::time_provider::TimeProvider;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, ServerConfig, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::Current;

/// For a handshake, from the first byte to the last.
pub(super) const HANDSHAKE: Duration = Duration::from_secs(10);

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

#[derive(Clone)]
struct Injected(Arc<dyn Clock>);

impl fmt::Debug for Injected {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the injected clock")
    }
}

impl TimeProvider for Injected {
    fn current_time(&self) -> Option<UnixTime> {
        self.0.now().duration_since(SystemTime::UNIX_EPOCH).ok().map(UnixTime::since_unix_epoch)
    }
}

fn roots(authority: &CertificateDer<'_>) -> Result<Arc<RootCertStore>, Error> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.clone().into_owned())?;
    Ok(Arc::new(roots))
}

/// SHA-256 of a certificate: what a join token says of the authority.
pub fn fingerprint(certificate: &[u8]) -> [u8; 32] {
    let mut fingerprint = [0; 32];
    fingerprint.copy_from_slice(::ring::digest::digest(&::ring::digest::SHA256, certificate).as_ref());
    fingerprint
}

/// For a server of other parts. Where it hears `strangers`, a client without a certificate gets as far as [`super::Admits`] lets it.
pub(super) fn server(current: &Arc<Current>, clock: &Arc<dyn Clock>, strangers: bool) -> Result<ServerConfig, Error> {
    let verifier = WebPkiClientVerifier::builder_with_provider(roots(&current.get().authority)?, provider());
    let verifier = if strangers { verifier.allow_unauthenticated() } else { verifier };
    let verifier = verifier.build().map_err(|error| Error::General(error.to_string()))?;
    let mut config = ServerConfig::builder_with_details(provider(), Arc::new(Injected(Arc::clone(clock))))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::clone(current) as Arc<_>);
    config.alpn_protocols = vec![b"h2".to_vec()];
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    Ok(config)
}

/// For a client of other parts.
pub(super) fn client(current: &Arc<Current>, clock: &Arc<dyn Clock>) -> Result<ClientConfig, Error> {
    let config = ClientConfig::builder_with_details(provider(), Arc::new(Injected(Arc::clone(clock))))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots(&current.get().authority)?)
        .with_client_cert_resolver(Arc::clone(current) as Arc<_>);
    Ok(finished(config))
}

/// For a part that has nothing yet but the authority's fingerprint.
pub(super) fn joining(authority: [u8; 32], clock: &Arc<dyn Clock>) -> Result<ClientConfig, Error> {
    let config = ClientConfig::builder_with_details(provider(), Arc::new(Injected(Arc::clone(clock))))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Pinned { authority, provider: provider() }))
        .with_no_client_auth();
    Ok(finished(config))
}

/// For a client of HTTPS that is no part.
pub(super) fn visitor(authority: &str, clock: &Arc<dyn Clock>) -> Result<ClientConfig, Error> {
    let authority = CertificateDer::from_pem_slice(authority.as_bytes())
        .map_err(|_| Error::General("the authority's certificate is not PEM".to_owned()))?;
    let config = ClientConfig::builder_with_details(provider(), Arc::new(Injected(Arc::clone(clock))))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots(&authority)?)
        .with_no_client_auth();
    Ok(config)
}

fn finished(mut config: ClientConfig) -> ClientConfig {
    config.alpn_protocols = vec![b"h2".to_vec()];
    config.resumption = Resumption::disabled();
    config
}

/// Believes a server whose certificate an authority of this fingerprint signed; the authority's certificate comes along in the handshake.
#[derive(Debug)]
struct Pinned {
    authority: [u8; 32],
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let pinned = intermediates.iter().find(|certificate| fingerprint(certificate) == self.authority);
        let authority = pinned.ok_or(Error::InvalidCertificate(CertificateError::UnknownIssuer))?;
        WebPkiServerVerifier::builder_with_provider(roots(authority)?, Arc::clone(&self.provider))
            .build()
            .map_err(|error| Error::General(error.to_string()))?
            .verify_server_cert(end_entity, &[], server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// HTTPS for clients that are no parts: they show no certificate, and may be old enough for TLS 1.2.
#[derive(Clone)]
pub struct Acceptor(TlsAcceptor);

impl Acceptor {
    pub fn new(current: &Arc<Current>, clock: &Arc<dyn Clock>) -> Result<Self, Error> {
        let mut config = ServerConfig::builder_with_details(provider(), Arc::new(Injected(Arc::clone(clock))))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(current) as Arc<_>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    /// Shakes hands within `within`.
    pub async fn accept<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S, within: Duration) -> io::Result<TlsStream<S>> {
        tokio::time::timeout(within, self.0.accept(stream)).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}
