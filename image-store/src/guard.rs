//! Who may call what over TLS. A host fetches an image that it has a grant for, and does nothing else; an operator does what is also done from
//! this host. Nothing is asked of anybody: the scheduler's word is in the grant.

use std::sync::Arc;

use freehold_link::grant;
use freehold_link::identity::{Identity, Kind};
use freehold_link::tls::{Admits, Current, Ending, Peer};
use freehold_proto::clock::Clock;
use tonic::{Request, Status};

const SERVICE: &str = "/freehold.image.v1.ImageStore/";

/// Whether the holder of a certificate may call `path` at all.
fn is_its_own(identity: &Identity, path: &str) -> bool {
    let Some(method) = path.strip_prefix(SERVICE) else { return false };
    match identity.kind {
        Kind::Host => matches!(method, "GetManifest" | "GetBlocks"),
        Kind::Operator => true,
        Kind::Gateway | Kind::ImageStore | Kind::Scheduler => false,
    }
}

/// The image store's door: it is opened to certificates alone, and they are believed until they expire.
pub struct Door;

#[tonic::async_trait]
impl Admits for Door {
    fn hears_strangers(&self) -> bool {
        false
    }

    async fn knows(&self, peer: &Peer) -> bool {
        peer.identity.is_some()
    }

    async fn admits(&self, peer: &Peer, path: &str) -> Result<(), Status> {
        let may = peer.identity.as_ref().is_some_and(|identity| is_its_own(identity, path));
        if may { Ok(()) } else { Err(Status::permission_denied(format!("{} may not call this", peer.who()))) }
    }

    fn expelled(&self, _: &Peer) -> Ending {
        Box::pin(std::future::pending())
    }
}

/// Verifies grants with the key that came with this part's own certificate.
#[derive(Clone)]
pub struct Guard {
    pub current: Arc<Current>,
    pub clock: Arc<dyn Clock>,
}

impl Guard {
    /// Whether the peer of `request` may have `manifest`.
    pub(crate) fn check<T>(&self, request: &Request<T>, manifest: &str) -> Result<(), Status> {
        let identity = request.extensions().get::<Peer>().and_then(|peer| peer.identity.as_ref());
        let host = match identity {
            Some(identity) if identity.kind == Kind::Operator => return Ok(()),
            Some(identity) if identity.kind == Kind::Host => identity,
            _ => return Err(Status::permission_denied("only hosts and operators fetch images")),
        };
        let shown = request.metadata().get(grant::METADATA).and_then(|value| value.to_str().ok());
        let own = self.current.get();
        let refused = match shown {
            None => "it showed no grant".to_owned(),
            Some(shown) => {
                let key = &own.grant_key;
                match grant::verify(shown, key, &own.identity.cluster_id, &host.name, manifest, self.clock.now()) {
                    Ok(()) => return Ok(()),
                    Err(refused) => refused.to_string(),
                }
            }
        };
        tracing::warn!(host = host.name, manifest, reason = refused, "refused an image to a host");
        Err(Status::permission_denied(format!("host {} may not fetch {manifest}: {refused}", host.name)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use freehold_link::grant::Signer;
    use freehold_link::tls::{Authority, Credentials, Key, Reach, generate_authority};
    use freehold_proto::clock::ManualClock;
    use tonic::Code;

    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    #[tokio::test]
    async fn each_peer_calls_what_is_its_own() {
        let who = |kind| Identity { cluster_id: "c".into(), kind, name: "n".into() };
        let admits = async |peer: &Peer, path: &str| Door.admits(peer, path).await.is_ok();
        let may = async |peer: Peer| {
            let mut admitted = 0;
            for method in ["GetManifest", "GetBlocks", "PutManifest", "ListManifests", "DeleteManifest"] {
                admitted += usize::from(admits(&peer, &format!("{SERVICE}{method}")).await);
            }
            admitted
        };
        assert_eq!(may(Peer::known(who(Kind::Host))).await, 2);
        assert_eq!(may(Peer::known(who(Kind::Operator))).await, 5);
        for none in [Kind::Gateway, Kind::ImageStore, Kind::Scheduler] {
            assert_eq!(may(Peer::known(who(none))).await, 0, "{none}");
        }
        assert_eq!(may(Peer::default()).await, 0, "without a certificate");
        assert!(!admits(&Peer::known(who(Kind::Operator)), "/freehold.operator.v1.Operator/CreateAccount").await);
    }

    #[test]
    fn a_host_fetches_what_it_has_a_grant_for_while_it_lasts() {
        let clock = ManualClock::at(SystemTime::UNIX_EPOCH + 500_000 * HOUR);
        let signer = Signer::new(&grant::generate().unwrap(), "c", HOUR).unwrap();
        let (certificate, key) = generate_authority("c", clock.now()).unwrap();
        let authority = Authority::open(certificate, &key, "c", signer.public_key()).unwrap();
        let own = Key::generate().unwrap();
        let certified = authority.certify(Kind::ImageStore, "i", &[], &own.request().unwrap(), clock.now(), HOUR).unwrap();
        let current = Current::new(Credentials::new(&own, &certified, Reach::default(), clock.now()).unwrap());
        let guard = Guard { current, clock: Arc::new(clock.clone()) };
        let granted = signer.grant("host-a", "m1", clock.now()).unwrap();
        let ask = |kind, host: &str, manifest: &str, grant: Option<&str>| {
            let mut request = Request::new(());
            request.extensions_mut().insert(Peer::known(Identity { cluster_id: "c".into(), kind, name: host.into() }));
            if let Some(grant) = grant {
                request.metadata_mut().insert(grant::METADATA, grant.parse().unwrap());
            }
            guard.check(&request, manifest).map_err(|status| status.code())
        };
        assert_eq!(ask(Kind::Host, "host-a", "m1", Some(&granted)), Ok(()));
        assert_eq!(ask(Kind::Host, "host-a", "m1", None), Err(Code::PermissionDenied));
        assert_eq!(ask(Kind::Host, "host-b", "m1", Some(&granted)), Err(Code::PermissionDenied), "another host's");
        assert_eq!(ask(Kind::Host, "host-a", "m2", Some(&granted)), Err(Code::PermissionDenied), "another image");
        assert_eq!(ask(Kind::Gateway, "host-a", "m1", Some(&granted)), Err(Code::PermissionDenied), "no host");
        assert_eq!(ask(Kind::Operator, "root", "m1", None), Ok(()));
        assert_eq!(guard.check(&Request::new(()), "m1").map_err(|status| status.code()), Err(Code::PermissionDenied), "nobody");
        clock.advance(HOUR);
        assert_eq!(ask(Kind::Host, "host-a", "m1", Some(&granted)), Err(Code::PermissionDenied), "expired");
    }
}
