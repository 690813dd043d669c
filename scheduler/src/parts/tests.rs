//! Tokens, certificates and who may speak for whom, at the doors of a whole scheduler.

use std::time::{Duration, SystemTime};

use freehold_link::grant;
use freehold_link::identity::{Identity, Kind};
use freehold_link::tls::{Credentials, Key, Peer, Reach, fingerprint};
use freehold_link::token::hex;
use freehold_proto::clock::Clock;
use freehold_proto::id::{HostId, OsEntropy};
use freehold_proto::internal::parts::parts_client::PartsClient;
use freehold_proto::internal::parts::{Certified, CertifyRequest, JoinRequest};
use sea_orm::EntityTrait;
use tonic::Status;

use super::{create, list, remove, remove_listed};
use crate::lab::{Agent, Lab, hello};

mod over_tls;

const HOUR: Duration = Duration::from_hours(1);

fn a_host() -> String {
    HostId::draw(&OsEntropy).to_string()
}

async fn token(lab: &Lab, kind: &str, name: &str) -> String {
    create(lab.store(), kind, name, HOUR).await.expect("a token").secret
}

fn request(key: &Key, kind: &str, name: &str) -> CertifyRequest {
    CertifyRequest { kind: kind.into(), name: name.into(), request: key.request().expect("a request").into(), names: Vec::new() }
}

/// As a peer that shows this certificate, or none.
async fn join(lab: &Lab, secret: &str, certify: CertifyRequest) -> Result<Certified, Status> {
    let mut parts = PartsClient::new(lab.link(Peer::default()));
    parts.join(JoinRequest { secret: secret.into(), certify: Some(certify) }).await.map(tonic::Response::into_inner)
}

async fn certify(lab: &Lab, peer: Peer, certify: CertifyRequest) -> Result<Certified, Status> {
    PartsClient::new(lab.link(peer)).certify(certify).await.map(tonic::Response::into_inner)
}

fn identity(lab: &Certified, kind: Kind, name: &str) -> Identity {
    Identity { cluster_id: lab.cluster_id.clone(), kind, name: name.into() }
}

/// Who shows this certificate.
fn shows(certified: &Certified) -> Peer {
    Peer::shown(&certified.certificate).expect("a certificate")
}

async fn joined(lab: &Lab, kind: &str, name: &str) -> (Key, Certified) {
    let key = Key::generate().expect("a key");
    let joined = join(lab, &token(lab, kind, "").await, request(&key, kind, name)).await.expect("joined");
    (key, joined)
}

async fn removed(lab: &Lab, kind: Kind, name: &str) {
    let tx = lab.store().begin("").await.expect("begin");
    remove(&tx, kind, name).await.expect("removed");
    tx.commit().await.expect("commit");
}

fn refused<T>(outcome: Result<T, Status>) -> String {
    outcome.err().expect("refused").message().to_owned()
}

#[tokio::test]
async fn a_token_lets_one_key_join_once_and_a_lost_answer_is_given_again() {
    let lab = Lab::new().await;
    let (secret, host, key) = (token(&lab, "host", "").await, a_host(), Key::generate().expect("a key"));
    let joined = join(&lab, &secret, request(&key, "host", &host)).await.expect("joined");
    let credentials = Credentials::new(&key, &joined, Reach::default(), lab.clock.now()).expect("credentials");
    assert_eq!(credentials.identity, identity(&joined, Kind::Host, &host));
    join(&lab, &secret, request(&key, "host", &host)).await.expect("the same key again");
    let other = Key::generate().expect("a key");
    assert!(refused(join(&lab, &secret, request(&other, "host", &host)).await).contains("has been used"));
    assert!(refused(join(&lab, &secret, request(&key, "host", &a_host())).await).contains("has been used"));
}

#[tokio::test]
async fn what_is_wrong_with_a_token_is_said() {
    let lab = Lab::new().await;
    let key = Key::generate().expect("a key");
    let secret = token(&lab, "host", "").await;
    assert!(refused(join(&lab, "guessed", request(&key, "host", &a_host())).await).contains("no such token"));
    assert!(refused(join(&lab, &secret, request(&key, "gateway", "g")).await).contains("--for gateway"));
    assert!(refused(join(&lab, &secret, request(&key, "host", "pizza")).await).contains("not a host's id"));
    assert!(
        refused(join(&lab, &secret, CertifyRequest { request: vec![1].into(), ..request(&key, "host", &a_host()) }).await)
            .contains("malformed")
    );
    lab.clock.advance(HOUR);
    assert!(refused(join(&lab, &secret, request(&key, "host", &a_host())).await).contains("expired"));
    for (kind, name, lifetime) in [("king", "", HOUR), ("operator", "", HOUR), ("host", "pizza", HOUR), ("host", "", Duration::ZERO)] {
        assert!(create(lab.store(), kind, name, lifetime).await.is_err(), "{kind} {name}");
    }
}

#[tokio::test]
async fn a_host_that_is_there_is_not_taken_over_but_by_a_token_for_itself() {
    let lab = Lab::new().await;
    let local = Agent::silent(&lab).await.host_id;
    let joined = a_host();
    let first = token(&lab, "host", "").await;
    join(&lab, &first, request(&Key::generate().expect("a key"), "host", &joined)).await.expect("joined");
    for host in [&local, &joined] {
        let secret = token(&lab, "host", "").await;
        let key = Key::generate().expect("a key");
        assert!(refused(join(&lab, &secret, request(&key, "host", host)).await).contains("--name"), "{host}");
        let own = token(&lab, "host", host).await;
        assert!(refused(join(&lab, &own, request(&key, "host", &a_host())).await).contains("alone"));
        join(&lab, &own, request(&key, "host", host)).await.expect("joined again");
    }
}

#[tokio::test]
async fn a_part_renews_its_own_certificate_until_it_is_removed() {
    let lab = Lab::new().await;
    let host = a_host();
    let (key, first) = joined(&lab, "host", &host).await;
    let renewed = certify(&lab, shows(&first), request(&key, "host", &host)).await.expect("renewed");
    assert_eq!(fingerprint(&renewed.authority), fingerprint(&first.authority));
    for (kind, name) in [("host", a_host()), ("gateway", host.clone()), ("scheduler", host.clone()), ("operator", host.clone())] {
        assert!(certify(&lab, shows(&first), request(&key, kind, &name)).await.is_err(), "{kind} {name}");
    }
    removed(&lab, Kind::Host, &host).await;
    assert!(refused(certify(&lab, shows(&first), request(&key, "host", &host)).await).contains("removed"));
    assert!(Agent::try_attend_as(&lab, hello(&host), shows(&first)).await.is_err(), "nor does it attend");
}

#[tokio::test]
async fn a_part_that_was_removed_comes_back_by_no_token_from_before() {
    let lab = Lab::new().await;
    let (host, other, key) = (a_host(), a_host(), Key::generate().expect("a key"));
    let (spent, own, others) = (token(&lab, "host", "").await, token(&lab, "host", &host).await, token(&lab, "host", &other).await);
    join(&lab, &spent, request(&key, "host", &host)).await.expect("joined");
    removed(&lab, Kind::Host, &host).await;
    for before in [&spent, &own] {
        assert!(refused(join(&lab, before, request(&key, "host", &host)).await).contains("no such token"));
    }
    join(&lab, &others, request(&key, "host", &other)).await.expect("what is another's stays");
    join(&lab, &token(&lab, "host", "").await, request(&key, "host", &host)).await.expect("a token from after lets it in");
}

#[tokio::test]
async fn who_joins_again_by_name_is_the_only_one_of_that_name() {
    let lab = Lab::new().await;
    let (old_key, old) = joined(&lab, "gateway", "gw").await;
    let first = token(&lab, "gateway", "gw").await;
    let new_key = Key::generate().expect("a key");
    let new = join(&lab, &first, request(&new_key, "gateway", "gw")).await.expect("joined by name");
    let stolen = certify(&lab, shows(&old), request(&old_key, "gateway", "gw")).await;
    assert!(refused(stolen).contains("another key by now"));

    // An answer that was lost: whoever asked asks again with what it has.
    let (lost, heard) = (Key::generate().expect("a key"), Key::generate().expect("a key"));
    let lost = certify(&lab, shows(&new), request(&lost, "gateway", "gw")).await.expect("renewed");
    let heard = certify(&lab, shows(&new), request(&heard, "gateway", "gw")).await.expect("renewed again");
    let key = Key::generate().expect("a key");
    assert!(certify(&lab, shows(&lost), request(&key, "gateway", "gw")).await.is_err(), "nobody has it");
    certify(&lab, shows(&heard), request(&key, "gateway", "gw")).await.expect("renewed");
    assert!(certify(&lab, shows(&new), request(&key, "gateway", "gw")).await.is_err(), "it has heard since");
    assert!(refused(join(&lab, &first, request(&new_key, "gateway", "gw")).await).contains("another key since"), "its first key");
}

#[tokio::test]
async fn a_part_of_which_no_key_is_known_yet_is_known_by_the_first_that_it_renews_for() {
    let lab = Lab::new().await;
    let (key, first) = joined(&lab, "gateway", "gw").await;
    let tx = lab.store().begin("").await.expect("begin");
    let forget = sea_orm::sea_query::Expr::value("");
    crate::store::part::Entity::update_many()
        .col_expr(crate::store::part::Column::CurrentKey, forget)
        .exec(tx.db())
        .await
        .expect("as before keys were noted");
    tx.commit().await.expect("commit");
    certify(&lab, shows(&first), request(&key, "gateway", "gw")).await.expect("renewed");
    let row = &list(lab.store()).await.expect("parts")[0];
    let known = hex(&shows(&first).key.expect("a key"));
    assert_eq!((&row.current_key, &row.previous_key), (&known, &known));
}

#[tokio::test]
async fn whoever_is_not_let_in_waits_for_no_writer_and_keeps_none_waiting() {
    let lab = Lab::new().await;
    let host = a_host();
    let (key, before) = joined(&lab, "host", &host).await;
    removed(&lab, Kind::Host, &host).await;
    let writing = lab.store().begin("").await.expect("begin");
    let answered = tokio::time::timeout(Duration::from_secs(20), async {
        assert!(refused(join(&lab, "guessed", request(&key, "host", &host)).await).contains("no such token"));
        assert!(refused(certify(&lab, shows(&before), request(&key, "host", &host)).await).contains("removed"));
    });
    answered.await.expect("while another one writes");
    writing.rollback().await.expect("rolled back");
}

#[tokio::test]
async fn a_request_that_no_part_sends_is_not_read() {
    let lab = Lab::new().await;
    let key = Key::generate().expect("a key");
    let names = vec!["x".repeat(1000); 70];
    let large = CertifyRequest { names, ..request(&key, "gateway", "gw") };
    let refused = join(&lab, "guessed", large).await.expect_err("refused");
    assert_eq!(refused.code(), tonic::Code::OutOfRange, "{refused}");
}

#[tokio::test]
async fn a_host_that_is_removed_while_it_is_let_in_does_not_attend() {
    let lab = Lab::new().await;
    let host = a_host();
    joined(&lab, "host", &host).await;
    removed(&lab, Kind::Host, &host).await;
    // As between the look at its certificate and its own row.
    let grants = crate::hosts::grants::Grants::new(lab.scheduler.trust(), &host);
    let (down, _messages) = tokio::sync::mpsc::channel(8);
    let admitted = lab.scheduler.hosts_service().admit(hello(&host), Some(grants), down).await;
    assert!(refused(admitted.map(drop)).contains("removed"));
    assert!(crate::operator::hosts(lab.store()).await.expect("hosts").is_empty());
}

#[tokio::test]
async fn the_operator_lists_parts_and_removes_those_that_are_no_hosts() {
    let lab = Lab::new().await;
    let host = a_host();
    joined(&lab, "gateway", "gw").await;
    joined(&lab, "host", &host).await;
    let listed = async || list(lab.store()).await.expect("parts").into_iter().map(|row| (row.kind, row.name)).collect::<Vec<_>>();
    assert_eq!(listed().await, [("gateway".into(), "gw".into()), ("host".into(), host.clone())]);
    for (kind, name, why) in
        [("host", host.as_str(), "freehold host rm"), ("gateway", "other", "No gateway"), ("operator", "root", "no parts")]
    {
        let refused = remove_listed(lab.store(), kind, name).await.expect_err("refused");
        assert!(freehold_proto::Fault::from(refused).message.contains(why), "{kind}");
    }
    remove_listed(lab.store(), "gateway", "gw").await.expect("removed");
    assert_eq!(listed().await, [("host".into(), host)]);
}

#[tokio::test]
async fn an_agent_speaks_for_its_own_host_and_is_granted_the_images_of_its_guests() {
    let lab = Lab::new().await;
    let host = a_host();
    let (_, joined) = joined(&lab, "host", &host).await;
    let own = Peer::known(identity(&joined, Kind::Host, &host));
    let other = a_host();
    assert!(Agent::try_attend_as(&lab, hello(&other), own.clone()).await.is_err(), "another host's id");
    let gateway = Peer::known(identity(&joined, Kind::Gateway, &host));
    assert!(Agent::try_attend_as(&lab, hello(&host), gateway).await.is_err(), "no host at all");
    assert!(Agent::try_attend_as(&lab, hello(&host), Peer::default()).await.is_err(), "without a certificate");

    let agent = Agent::try_attend_as(&lab, hello(&host), own).await.expect("admitted");
    let id = lab.run(lab.launch()).await.instance_id.expect("an id");
    let told = agent.until_told("the instance", |told| told.instances.contains_key(&id)).await;
    let (manifest, granted) = told.grants.first_key_value().expect("a grant");
    assert_eq!(told.grants.len(), 1);
    let grant_key = joined.grant_key.as_ref().try_into().expect("32 bytes");
    let verify = |host: &str, at: SystemTime| grant::verify(granted, grant_key, &joined.cluster_id, host, manifest, at);
    assert_eq!(verify(&host, lab.clock.now()), Ok(()));
    assert_eq!(verify(&other, lab.clock.now()), Err(grant::Refused::OtherHost));
    assert_eq!(verify(&host, lab.clock.now() + HOUR), Err(grant::Refused::Expired));
}

#[tokio::test]
async fn a_grant_is_stated_once_and_again_at_half_of_its_life_while_an_instance_needs_it() {
    use freehold_proto::internal::host::{InstanceDesired, VolumeAttachment};
    let lab = Lab::new().await;
    let grants = crate::hosts::grants::Grants::new(lab.scheduler.trust(), "host-a");
    let volume = |manifest: &str| VolumeAttachment { manifest: manifest.into(), ..VolumeAttachment::default() };
    let instance = |id: &str, manifest: &str| InstanceDesired {
        instance_id: id.into(),
        volumes: vec![volume(manifest), volume("")],
        ..InstanceDesired::default()
    };
    let now = lab.clock.now();
    assert_eq!(grants.needed(&[instance("i-1", "m1"), instance("i-2", "m1"), instance("i-3", "m2")], now).len(), 2);
    assert!(grants.needed(&[instance("i-4", "m1")], now).is_empty(), "it has that one");
    assert!(grants.refreshed(now + HOUR / 2 - Duration::from_secs(1)).is_empty());
    grants.forget("i-3");
    let again = grants.refreshed(now + HOUR / 2);
    assert_eq!(again.iter().map(|grant| grant.manifest.as_str()).collect::<Vec<_>>(), ["m1"]);
}

#[tokio::test]
async fn the_authority_stays_the_same_over_restarts_and_its_keys_are_sealed() {
    let lab = Lab::new().await;
    let before = lab.scheduler.trust().pem();
    let row = crate::store::authority::Entity::find_by_id(1).one(lab.store().reader()).await.expect("read").expect("a row");
    let lab = lab.crash().await;
    assert_eq!(lab.scheduler.trust().pem(), before);
    assert!(before.starts_with("-----BEGIN CERTIFICATE-----\n"));
    let vault = crate::identity::Vault::open(&lab.config.data.join("sealing.key"), &OsEntropy).expect("a vault");
    for (owner, sealed) in [("authority", &row.sealed_key), ("grants", &row.sealed_grant_key)] {
        let opened = vault.open_sealed(owner, sealed).expect("opened");
        assert!(opened.starts_with('M'), "PKCS #8 in base64");
        let parts = |text: &str| text.as_bytes().chunks_exact(24).map(<[u8]>::to_vec).collect::<Vec<_>>();
        assert!(parts(&opened).iter().all(|part| !sealed.as_bytes().windows(24).any(|window| window == part)), "{owner} is sealed");
    }
}
