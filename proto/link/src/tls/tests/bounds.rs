//! What a peer that is not known can take of a server, and how long a known one is spoken with.

use std::io::Read as _;

use freehold_proto::internal::parts::parts_client::PartsClient;
use tokio::net::TcpStream;
use tonic::transport::Channel;

use super::server::{BOUNDS, Bounds};
use super::*;

/// A connection of a peer without a certificate, which believes the authority.
async fn stranger(cloud: &Cloud, address: SocketAddr) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let pin = fingerprint(cloud.authority.certificate());
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config::joining(pin, &cloud.clock()).unwrap()));
    connector.connect(SCHEDULER.try_into().unwrap(), TcpStream::connect(address).await?).await
}

/// Whether the other side hangs up, within the deadline. Nothing is said to it meanwhile.
async fn hung_up(mut stream: tokio_rustls::client::TlsStream<TcpStream>) -> bool {
    let mut heard = [0; 1024];
    let ended = async {
        loop {
            match tokio::io::AsyncReadExt::read(&mut stream, &mut heard).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
    };
    tokio::time::timeout(DEADLINE, ended).await.is_ok()
}

fn joiner(cloud: &Cloud, address: SocketAddr) -> PartsClient<Channel> {
    let pin = fingerprint(cloud.authority.certificate());
    PartsClient::new(client::over(vec![address.to_string()], SCHEDULER, config::joining(pin, &cloud.clock()).unwrap()))
}

#[tokio::test]
async fn a_stranger_s_connection_does_not_last() {
    let cloud = Cloud::new();
    let bounds = Bounds { stranger_for: Duration::from_millis(50), ..BOUNDS };
    let address = cloud.serve_within(Kind::Scheduler, bounds).await;
    assert!(hung_up(stranger(&cloud, address).await.unwrap()).await);
    let known = to(address, &Current::new(cloud.credentials(Kind::Host, "host-a")), &cloud);
    assert_eq!(call(known).await, tonic::Code::Unimplemented);
}

#[tokio::test]
async fn strangers_take_no_more_than_their_places_and_nobody_else_s() {
    let cloud = Cloud::new();
    for bounds in [Bounds { strangers: 2, ..BOUNDS }, Bounds { strangers_each: 2, ..BOUNDS }] {
        let address = cloud.serve_within(Kind::Scheduler, bounds).await;
        cloud.removed.send_replace(Vec::new());
        let mut held = [stranger(&cloud, address).await.unwrap(), stranger(&cloud, address).await.unwrap()];
        // The server's preface says that it has a place.
        for stream in &mut held {
            tokio::io::AsyncReadExt::read_u8(stream).await.unwrap();
        }
        if let Ok(one_more) = stranger(&cloud, address).await {
            assert!(hung_up(one_more).await);
        }
        let known = to(address, &Current::new(cloud.credentials(Kind::Host, "host-a")), &cloud);
        assert_eq!(call(known).await, tonic::Code::Unimplemented, "whoever is known comes in");
        let removed = Current::new(cloud.credentials(Kind::Host, "host-b"));
        cloud.removed.send_replace(vec!["host-b".into()]);
        assert_ne!(call(to(address, &removed, &cloud)).await, tonic::Code::Unimplemented, "a removed part is a stranger");
    }
}

#[tokio::test]
async fn handshakes_of_one_address_are_bounded() {
    let cloud = Cloud::new();
    let address = cloud.serve_within(Kind::Scheduler, Bounds { handshakes_each: 1, ..BOUNDS }).await;
    let silent = TcpStream::connect(address).await.unwrap();
    // Accepted one after the other: the second is looked at when the first has its place.
    let second = std::net::TcpStream::connect(address).unwrap();
    second.set_read_timeout(Some(DEADLINE)).unwrap();
    let ended = tokio::task::spawn_blocking(move || {
        let mut second = second;
        second.read(&mut [0])
    });
    assert!(matches!(ended.await.unwrap(), Ok(0) | Err(_)), "hung up on");
    let still = silent.try_read(&mut [0]).map_err(|error| error.kind());
    assert_eq!(still, Err(std::io::ErrorKind::WouldBlock), "the first one's time was not up");
    drop(silent);
    let current = Current::new(cloud.credentials(Kind::Host, "host-a"));
    let deadline = tokio::time::Instant::now() + DEADLINE;
    while call(to(address, &current, &cloud)).await != tonic::Code::Unimplemented {
        assert!(tokio::time::Instant::now() < deadline, "the place is free again");
    }
}

#[tokio::test]
async fn a_stranger_s_call_is_bounded_in_number_and_time() {
    let cloud = Cloud::new();
    cloud.slow.store(true, Ordering::SeqCst);
    let request = JoinRequest { secret: "secret".into(), certify: None };
    let bounds = Bounds { stranger_call: Duration::from_millis(50), ..BOUNDS };
    let address = cloud.serve_within(Kind::Scheduler, bounds).await;
    let late = joiner(&cloud, address).join(request.clone()).await.unwrap_err();
    assert_eq!(late.code(), tonic::Code::DeadlineExceeded);
    let address = cloud.serve_within(Kind::Scheduler, Bounds { stranger_calls: 0, ..BOUNDS }).await;
    let many = joiner(&cloud, address).join(request).await.unwrap_err();
    assert_eq!(many.code(), tonic::Code::ResourceExhausted);
}

#[tokio::test]
async fn where_strangers_are_not_heard_nobody_connects_without_a_certificate() {
    let mut cloud = Cloud::new();
    cloud.deaf = true;
    let address = cloud.serve(Kind::Scheduler).await;
    // In TLS 1.3 the client hears of it after its own last word.
    if let Ok(connected) = stranger(&cloud, address).await {
        assert!(hung_up(connected).await);
    }
    let known = to(address, &Current::new(cloud.credentials(Kind::Host, "host-a")), &cloud);
    assert_eq!(call(known).await, tonic::Code::Unimplemented);
}

#[tokio::test]
async fn a_part_that_is_removed_is_hung_up_on() {
    let cloud = Cloud::new();
    cloud.slow.store(true, Ordering::SeqCst);
    let address = cloud.serve(Kind::Scheduler).await;
    let mut parts = PartsClient::new(to(address, &Current::new(cloud.credentials(Kind::Host, "host-a")), &cloud));
    let request = JoinRequest { secret: "secret".into(), certify: None };
    let under_way = tokio::spawn(async move { parts.join(request).await });
    let mut begun = cloud.begun.subscribe();
    begun.wait_for(|begun| *begun > 0).await.unwrap();
    cloud.removed.send_replace(vec!["host-a".into()]);
    let ended = tokio::time::timeout(DEADLINE, under_way).await.expect("it ends").unwrap();
    assert!(ended.is_err());
}
