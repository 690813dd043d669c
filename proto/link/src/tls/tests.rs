//! Real sockets on loopback, certificates of a real authority, a clock that the test moves.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use freehold_proto::clock::{Clock, ManualClock};
use freehold_proto::internal::parts::parts_server::{Parts, PartsServer};
use freehold_proto::internal::parts::{Certified, CertifyRequest, JoinRequest};
use tokio::net::TcpListener;
use tonic::service::Routes;
use tonic::{Request, Response, Status};

use super::*;
use crate::identity::Kind;
use crate::raw::RawCodec;
use crate::token::Token;

mod bounds;
mod keeping;

const HOUR: Duration = Duration::from_hours(1);
const DEADLINE: Duration = Duration::from_secs(30);

/// A cloud of one authority: what a scheduler's door does of all this, without a store behind it.
#[derive(Clone)]
struct Cloud {
    authority: Arc<Authority>,
    clock: ManualClock,
    joined: Arc<AtomicUsize>,
    certified: Arc<AtomicUsize>,
    down: Arc<std::sync::atomic::AtomicBool>,
    /// Names of parts that were removed.
    removed: tokio::sync::watch::Sender<Vec<String>>,
    /// Whether a join is never answered, and how many have begun.
    slow: Arc<std::sync::atomic::AtomicBool>,
    begun: tokio::sync::watch::Sender<usize>,
    /// Hears no strangers.
    deaf: bool,
}

impl Cloud {
    fn new() -> Self {
        let clock = ManualClock::at(SystemTime::UNIX_EPOCH + Duration::from_hours(500_000));
        let (certificate, key) = generate_authority("c", clock.now()).unwrap();
        let authority = Arc::new(Authority::open(certificate, &key, "c", [7; 32]).unwrap());
        Self {
            authority,
            clock,
            joined: Arc::default(),
            certified: Arc::default(),
            down: Arc::default(),
            removed: tokio::sync::watch::Sender::default(),
            slow: Arc::default(),
            begun: tokio::sync::watch::Sender::default(),
            deaf: false,
        }
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(self.clock.clone())
    }

    fn credentials(&self, kind: Kind, name: &str) -> Credentials {
        self.credentials_for(kind, name, HOUR)
    }

    fn credentials_for(&self, kind: Kind, name: &str, lifetime: Duration) -> Credentials {
        let key = Key::generate().unwrap();
        let certified = self.authority.certify(kind, name, &[], &key.request().unwrap(), self.clock.now(), lifetime).unwrap();
        Credentials::new(&key, &certified, Reach::default(), self.clock.now()).unwrap()
    }

    fn sign(&self, request: &CertifyRequest) -> Result<Response<Certified>, Status> {
        if self.down.load(Ordering::SeqCst) {
            return Err(Status::unavailable("down"));
        }
        let kind = Kind::parse(&request.kind).unwrap();
        let certified = self.authority.certify(kind, &request.name, &request.names, &request.request, self.clock.now(), HOUR);
        certified.map(Response::new).map_err(|denied| Status::permission_denied(denied.to_string()))
    }

    fn token(&self, address: SocketAddr) -> Token {
        Token {
            kind: "host".into(),
            scheduler: vec![address.to_string()],
            image_store: vec!["x:1".into()],
            authority: crate::token::hex(&fingerprint(self.authority.certificate())),
            secret: "secret".into(),
        }
    }

    /// A server with the certificate of a `kind`, for a day, that admits hosts, and anybody to Join.
    async fn serve(&self, kind: Kind) -> SocketAddr {
        self.serve_within(kind, server::BOUNDS).await
    }

    async fn serve_within(&self, kind: Kind, bounds: server::Bounds) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (cloud, current) = (self.clone(), Current::new(self.credentials_for(kind, "s", 24 * HOUR)));
        tokio::spawn(async move {
            let routes = Routes::new(PartsServer::new(cloud.clone()));
            let (door, clock) = (Arc::new(cloud.clone()), cloud.clock());
            Box::pin(server::serve_within(bounds, listener, routes, door, &current, clock, std::future::pending())).await
        });
        address
    }
}

#[tonic::async_trait]
impl Admits for Cloud {
    fn hears_strangers(&self) -> bool {
        !self.deaf
    }

    async fn knows(&self, peer: &Peer) -> bool {
        peer.identity.as_ref().is_some_and(|identity| !self.removed.borrow().contains(&identity.name))
    }

    async fn admits(&self, peer: &Peer, path: &str) -> Result<(), Status> {
        let host = peer.identity.as_ref().is_some_and(|identity| identity.kind == Kind::Host);
        if path.ends_with("/Join") || host { Ok(()) } else { Err(Status::permission_denied("not a host")) }
    }

    fn expelled(&self, peer: &Peer) -> Ending {
        let (cloud, peer, mut removed) = (self.clone(), peer.clone(), self.removed.subscribe());
        Box::pin(async move {
            while cloud.knows(&peer).await {
                removed.changed().await.unwrap();
            }
        })
    }
}

#[tonic::async_trait]
impl Parts for Cloud {
    async fn join(&self, request: Request<JoinRequest>) -> Result<Response<Certified>, Status> {
        self.begun.send_modify(|begun| *begun += 1);
        if self.slow.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        assert!(request.extensions().get::<Peer>().unwrap().identity.is_none());
        self.joined.fetch_add(1, Ordering::SeqCst);
        let request = request.into_inner();
        if request.secret != "secret" {
            return Err(Status::permission_denied("no such token"));
        }
        self.sign(&request.certify.unwrap())
    }

    async fn certify(&self, request: Request<CertifyRequest>) -> Result<Response<Certified>, Status> {
        self.certified.fetch_add(1, Ordering::SeqCst);
        if self.removed.borrow().contains(&request.get_ref().name) {
            return Err(Status::permission_denied("removed"));
        }
        self.sign(request.get_ref())
    }
}

fn wanted(kind: Kind, name: &str) -> Wanted {
    Wanted { kind, name: name.into(), names: Vec::new() }
}

/// The code of a call to a path that nobody implements: `Unimplemented` says that it got through the door.
async fn call(channel: tonic::transport::Channel) -> tonic::Code {
    let asked = async {
        let mut grpc = tonic::client::Grpc::new(channel);
        if grpc.ready().await.is_err() {
            return tonic::Code::Unavailable;
        }
        let path = http::uri::PathAndQuery::from_static("/any/Thing");
        grpc.unary(Request::new(bytes::Bytes::new()), path, RawCodec).await.unwrap_err().code()
    };
    tokio::time::timeout(DEADLINE, asked).await.unwrap()
}

fn to(address: SocketAddr, current: &Arc<Current>, cloud: &Cloud) -> tonic::transport::Channel {
    channel(vec![address.to_string()], SCHEDULER, current, &cloud.clock()).unwrap()
}

#[tokio::test]
async fn the_door_lets_through_whom_it_admits_and_nobody_else() {
    let cloud = Cloud::new();
    let address = cloud.serve(Kind::Scheduler).await;
    let code = async |credentials| call(to(address, &Current::new(credentials), &cloud)).await;
    assert_eq!(code(cloud.credentials(Kind::Host, "host-a")).await, tonic::Code::Unimplemented);
    assert_eq!(code(cloud.credentials(Kind::Gateway, "g")).await, tonic::Code::PermissionDenied);
    let stranger = Cloud::new().credentials(Kind::Host, "host-a");
    assert_ne!(code(stranger).await, tonic::Code::Unimplemented, "another cloud's certificate");
}

#[tokio::test]
async fn a_client_believes_only_the_part_that_it_asks_for() {
    let cloud = Cloud::new();
    let host = Current::new(cloud.credentials(Kind::Host, "host-a"));
    for (kind, expected) in [
        (Kind::Scheduler, tonic::Code::Unimplemented),
        (Kind::ImageStore, tonic::Code::Unavailable),
        (Kind::Host, tonic::Code::Unavailable),
        (Kind::Gateway, tonic::Code::Unavailable),
    ] {
        let address = cloud.serve(kind).await;
        assert_eq!(call(to(address, &host, &cloud)).await, expected, "{kind}");
    }
}

#[tokio::test]
async fn of_several_addresses_the_one_that_answers_is_used() {
    let cloud = Cloud::new();
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let addresses = vec![nobody.to_string(), cloud.serve(Kind::Scheduler).await.to_string()];
    let current = Current::new(cloud.credentials(Kind::Host, "host-a"));
    assert_eq!(call(channel(addresses, SCHEDULER, &current, &cloud.clock()).unwrap()).await, tonic::Code::Unimplemented);
}

#[tokio::test]
async fn an_expired_certificate_opens_no_connection_and_closes_the_one_it_opened() {
    let cloud = Cloud::new();
    let address = cloud.serve(Kind::Scheduler).await;
    let current = Current::new(cloud.credentials(Kind::Host, "host-a"));
    let open = to(address, &current, &cloud);
    assert_eq!(call(open.clone()).await, tonic::Code::Unimplemented);
    cloud.clock.advance(HOUR);
    assert_ne!(call(open).await, tonic::Code::Unimplemented, "on the connection that was open");
    assert_ne!(call(to(address, &current, &cloud)).await, tonic::Code::Unimplemented, "on a new one");
    current.replace(cloud.credentials(Kind::Host, "host-a"));
    assert_eq!(call(to(address, &current, &cloud)).await, tonic::Code::Unimplemented, "the server is well");
}

#[tokio::test]
async fn a_service_goes_over_to_a_new_certificate_before_the_old_one_ends() {
    let cloud = Cloud::new();
    let address = cloud.serve(Kind::Scheduler).await;
    let current = Current::new(cloud.credentials(Kind::Host, "host-a"));
    let parts = service(vec![address.to_string()], SCHEDULER, &current, &cloud.clock()).unwrap();
    let certify = async || certify(parts.clone(), &wanted(Kind::Host, "host-a"), Reach::default(), &cloud.clock).await.map(|_| ());
    certify().await.unwrap();
    cloud.clock.advance(HOUR / 2);
    current.replace(cloud.credentials(Kind::Host, "host-a"));
    certify().await.unwrap();
    cloud.clock.advance(HOUR / 2);
    certify().await.expect("the first call after the first certificate's end");
}

#[tokio::test]
async fn joining_pins_the_authority_and_says_what_is_wrong() {
    let cloud = Cloud::new();
    let address = cloud.serve(Kind::Scheduler).await;
    let token = cloud.token(address);
    let folder = tempfile::tempdir().unwrap();
    let try_join = async |token: Token, kind| {
        let refused = join(&token, &wanted(kind, "host-a"), None, folder.path(), &cloud.clock()).await;
        refused.map(|_| ()).map_err(|error| error.to_string())
    };
    let wrong_pin = Token { authority: crate::token::hex(&[9; 32]), ..token.clone() };
    assert!(try_join(wrong_pin, Kind::Host).await.unwrap_err().contains("no scheduler of this token's cluster"));
    assert_eq!(cloud.joined.load(Ordering::SeqCst), 0, "the secret was told to nobody");
    assert!(try_join(token.clone(), Kind::Gateway).await.unwrap_err().contains("--for gateway"));
    let wrong_secret = Token { secret: "other".into(), ..token.clone() };
    assert!(try_join(wrong_secret, Kind::Host).await.unwrap_err().contains("no such token"));
    let pending = std::fs::read(folder.path().join("joining.key")).unwrap();

    try_join(token, Kind::Host).await.unwrap();
    let saved = Credentials::load(folder.path()).unwrap().unwrap();
    assert_eq!(
        (saved.identity.to_string().as_str(), saved.reach.image_store.as_slice()),
        ("freehold://c/host/host-a", &["x:1".to_owned()][..])
    );
    assert!(!folder.path().join("joining.key").exists());
    assert!(!pending.is_empty());
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        assert_eq!(entry.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert_eq!(call(to(address, &Current::new(saved), &cloud)).await, tonic::Code::Unimplemented);
}

#[test]
fn names_that_are_not_a_part_s_own_are_denied() {
    let cloud = Cloud::new();
    let key = Key::generate().unwrap();
    let request = key.request().unwrap();
    let certify = |kind, name: &str, names: &[&str]| {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        cloud.authority.certify(kind, name, &names, &request, cloud.clock.now(), HOUR).map_err(|denied| denied.to_string())
    };
    let certified = certify(Kind::Gateway, "g", &["api.example.com", "10.0.0.1", "::1"]).unwrap();
    let credentials = Credentials::new(&key, &certified, Reach::default(), cloud.clock.now()).unwrap();
    assert_eq!(credentials.names, ["api.example.com", "10.0.0.1", "::1"]);
    for (kind, name, names) in [
        (Kind::Gateway, "g", &[SCHEDULER][..]),
        (Kind::Gateway, "g", &["Scheduler.Freehold.Internal."]),
        (Kind::Gateway, "g", &["*.example.com"]),
        (Kind::Gateway, "g", &["my_machine"]),
        (Kind::Gateway, "g/../host/h", &[]),
        (Kind::Host, "host-a", &["api.example.com"]),
        (Kind::ImageStore, "i", &[SCHEDULER]),
    ] {
        assert!(certify(kind, name, names).is_err(), "{kind} {name} {names:?}");
    }
    let many: Vec<String> = (0..=MOST_NAMES).map(|at| format!("n{at}.example.com")).collect();
    let too_many = cloud.authority.certify(Kind::Gateway, "g", &many, &request, cloud.clock.now(), HOUR).unwrap_err();
    assert!(too_many.to_string().contains("at most 128"), "{too_many}");
    let long = format!("{}.example.com", "a".repeat(63));
    assert!(is_public_name(&long) && !is_public_name("scheduler.freehold.internal") && !is_public_name("-a") && !is_public_name("a..b"));
    assert_eq!(Peer::shown(&certified.certificate).unwrap().key, Some(Authority::requested_key(&request).unwrap()));
    let mut forged = request.clone();
    *forged.last_mut().unwrap() ^= 1;
    assert!(cloud.authority.certify(Kind::Host, "host-a", &[], &forged, cloud.clock.now(), HOUR).is_err(), "no proof of the key");
    assert!(
        Credentials::new(&Key::generate().unwrap(), &certified, Reach::default(), cloud.clock.now()).is_err(),
        "another key's certificate"
    );
}
