//! The same doors over real TLS on loopback, with certificates that parts have joined for.

use std::sync::Arc;

use freehold_link::tls::{self, Current};
use freehold_proto::internal::host::hosts_client::HostsClient;
use freehold_proto::internal::host::{FromAgent, from_agent, to_agent};
use freehold_proto::internal::identity::identity_client::IdentityClient;
use freehold_proto::internal::identity::{FollowKeysRequest, GetDayKeyRequest};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;
use tonic::transport::Channel;

use super::*;

const DEADLINE: Duration = Duration::from_secs(30);

/// Where the scheduler listens, with a certificate of its own authority.
async fn served(lab: &Lab) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let (key, trust) = (Key::generate().expect("a key"), lab.scheduler.trust());
    let request = key.request().expect("a request");
    let certified = trust.authority.certify(Kind::Scheduler, "s", &[], &request, lab.clock.now(), HOUR).expect("certified");
    let current = Current::new(Credentials::new(&key, &certified, Reach::default(), lab.clock.now()).expect("credentials"));
    let (routes, door, clock) = (lab.scheduler.link_routes(), lab.scheduler.door(), Arc::new(lab.clock.clone()));
    tokio::spawn(async move { Box::pin(tls::serve(listener, routes, door, &current, clock, std::future::pending())).await });
    address
}

fn channel(lab: &Lab, address: &str, (key, certified): &(Key, Certified)) -> Channel {
    let current = Current::new(Credentials::new(key, certified, Reach::default(), lab.clock.now()).expect("credentials"));
    let clock: Arc<dyn Clock> = Arc::new(lab.clock.clone());
    tls::channel(vec![address.to_owned()], tls::SCHEDULER, &current, &clock).expect("a channel")
}

/// Attends as `host_id`; answers what the scheduler says first, and holds the stream until that is dropped.
async fn attend(
    channel: Channel,
    host_id: &str,
) -> Result<(mpsc::Sender<FromAgent>, tonic::Streaming<freehold_proto::internal::host::ToAgent>), Status> {
    let (up, messages) = mpsc::channel(8);
    up.send(FromAgent { kind: Some(from_agent::Kind::Hello(hello(host_id))) }).await.expect("sent");
    let mut down = HostsClient::new(channel).attend(ReceiverStream::new(messages)).await?.into_inner();
    let first = down.message().await?.and_then(|message| message.kind);
    assert!(matches!(first, Some(to_agent::Kind::Welcome(_))), "{first:?}");
    Ok((up, down))
}

/// Whether the stream ends; what is said before is not looked at.
async fn ends<T>(mut stream: tonic::Streaming<T>) -> bool {
    let end = async { while let Ok(Some(_)) = stream.message().await {} };
    tokio::time::timeout(DEADLINE, end).await.is_ok()
}

#[tokio::test]
async fn a_certificate_makes_nobody_another_host_than_it_names() {
    let lab = Lab::new().await;
    let address = served(&lab).await;
    let (own, other) = (a_host(), a_host());
    let thief = joined(&lab, "host", &own).await;
    joined(&lab, "host", &other).await;
    let refused = attend(channel(&lab, &address, &thief), &other).await.map(drop).expect_err("refused");
    assert_eq!(refused.code(), Code::PermissionDenied, "{refused}");
    assert!(refused.message().contains("can not speak for"), "{refused}");
    assert!(crate::operator::hosts(lab.store()).await.expect("hosts").is_empty());
    attend(channel(&lab, &address, &thief), &own).await.expect("its own host");
}

#[tokio::test]
async fn a_gateway_that_is_removed_is_refused_from_then_on_and_what_it_holds_open_ends() {
    let lab = Lab::new().await;
    let address = served(&lab).await;
    let ask = async |channel: &Channel| {
        let request = GetDayKeyRequest { date: "20260101".into(), region: "us-east-1".into(), service: "ec2".into(), ..Default::default() };
        IdentityClient::new(channel.clone()).get_day_key(request).await.map(drop).map_err(|status| status.code())
    };
    let (stolen, well) = (joined(&lab, "gateway", "stolen").await, joined(&lab, "gateway", "well").await);
    let (first, second) = (channel(&lab, &address, &stolen), channel(&lab, &address, &well));
    let (up, messages) = mpsc::channel(8);
    up.send(FollowKeysRequest { ping: 1, dropped: 0 }).await.expect("sent");
    let mut stream = IdentityClient::new(first.clone()).follow_keys(ReceiverStream::new(messages)).await.expect("followed").into_inner();
    assert_eq!(stream.message().await.expect("a message").expect("a pong").pong, 1);
    assert_eq!((ask(&first).await, ask(&second).await), (Ok(()), Ok(())));

    remove_listed(lab.store(), "gateway", "stolen").await.expect("removed");
    assert_ne!(ask(&first).await, Ok(()), "on the connection that it has, or on another");
    assert!(ends(stream).await);
    assert_eq!(ask(&channel(&lab, &address, &stolen)).await, Err(Code::PermissionDenied), "on a new one");
    let certified = PartsClient::new(channel(&lab, &address, &stolen)).certify(request(&stolen.0, "gateway", "stolen")).await;
    assert_eq!(certified.map(drop).map_err(|status| status.code()), Err(Code::PermissionDenied));
    assert_eq!(ask(&second).await, Ok(()), "the other one is as it was");
}

#[tokio::test]
async fn who_lost_its_name_to_another_key_is_hung_up_on() {
    let lab = Lab::new().await;
    let address = served(&lab).await;
    let host = a_host();
    let old = joined(&lab, "host", &host).await;
    let (_up, stream) = attend(channel(&lab, &address, &old), &host).await.expect("attends");
    let (named, key) = (token(&lab, "host", &host).await, Key::generate().expect("a key"));
    let new = (key, Certified::default());
    let certified = join(&lab, &named, request(&new.0, "host", &host)).await.expect("joined by name");
    assert!(ends(stream).await);
    let refused = attend(channel(&lab, &address, &old), &host).await.map(drop).expect_err("refused");
    assert_eq!(refused.code(), Code::PermissionDenied, "{refused}");
    attend(channel(&lab, &address, &(new.0, certified)), &host).await.expect("attends");
}
