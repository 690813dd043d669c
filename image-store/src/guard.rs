//! Who may call what over TLS. A host fetches an image that it has a grant for, and does nothing else; an operator does what is also done from
//! this host. Nothing is asked of anybody: the scheduler's word is in the grant.

use std::sync::Arc;

use freehold_link::grant;
use freehold_link::identity::{Identity, Kind};
use freehold_link::tls::{Current, Peer};
use freehold_proto::clock::Clock;
use tonic::{Request, Status};

const SERVICE: &str = "/freehold.image.v1.ImageStore/";

/// Whether the holder of this certificate (or of none) may call `path` at all.
pub fn admits(identity: Option<&Identity>, path: &str) -> bool {
    let Some(method) = path.strip_prefix(SERVICE) else { return false };
    match identity.map(|identity| identity.kind) {
        Some(Kind::Host) => matches!(method, "GetManifest" | "GetBlocks"),
        Some(Kind::Operator) => true,
        Some(Kind::Gateway | Kind::ImageStore | Kind::Scheduler) | None => false,
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

    #[test]
    fn each_peer_calls_what_is_its_own() {
        let who = |kind| Identity { cluster_id: "c".into(), kind, name: "n".into() };
        let may = |identity: Option<&Identity>| {
            let methods = ["GetManifest", "GetBlocks", "PutManifest", "ListManifests", "DeleteManifest"];
            methods.into_iter().filter(|method| admits(identity, &format!("{SERVICE}{method}"))).count()
        };
        assert_eq!(may(Some(&who(Kind::Host))), 2);
        assert_eq!(may(Some(&who(Kind::Operator))), 5);
        for none in [None, Some(who(Kind::Gateway)), Some(who(Kind::ImageStore)), Some(who(Kind::Scheduler))] {
            assert_eq!(may(none.as_ref()), 0, "{none:?}");
        }
        assert!(!admits(Some(&who(Kind::Operator)), "/freehold.operator.v1.Operator/CreateAccount"));
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
