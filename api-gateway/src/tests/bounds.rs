//! Everything that a client can make large, slow or numerous, and everything behind the gateway that can be slow or gone, has a bound.

use std::time::Duration;

use freehold_proto::aws::sts::GetCallerIdentityResponse;
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::Running;
use super::fake::until;
use super::wire::{self, PATIENCE};
use crate::Limits;
use crate::sigv4::signer::Draft;

const SHORT: Duration = Duration::from_millis(200);

fn describe() -> Draft {
    Draft::new("ec2")
}

#[tokio::test]
async fn a_body_over_the_limit_is_told_so_whether_its_length_is_announced_or_not() {
    let running = Running::with(Limits { body_bytes: 1000, ..Limits::default() }).await;
    let large = Draft { body: vec![b'a'; 1001], ..describe() };
    assert_eq!(running.client.send(&large.sign()).await.refused(), (413, "RequestEntityTooLarge".into()));
    let mut chunked = b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..11 {
        chunked.extend_from_slice(b"64\r\n");
        chunked.extend_from_slice(&[b'a'; 100]);
        chunked.extend_from_slice(b"\r\n");
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    assert_eq!(running.client.raw(&chunked).await.refused(), (413, "RequestEntityTooLarge".into()));
    let fits = Draft { body: vec![b'a'; 1000], ..describe() };
    assert_ne!(running.client.send(&fits.sign()).await.status, 413);
}

#[tokio::test]
async fn parameters_are_counted() {
    let running = Running::with(Limits { parameters: 10, ..Limits::default() }).await;
    let body = |ids: usize| {
        let ids = (1..=ids).map(|at| format!("&InstanceId.{at}=i-0123456789abcdef0")).collect::<Vec<_>>().concat();
        Draft { body: format!("Action=Nothing&Version=2016-11-15{ids}").into(), ..describe() }
    };
    assert_eq!(running.client.send(&body(8).sign()).await.refused().1, "InvalidAction");
    assert_eq!(running.client.send(&body(9).sign()).await.refused().1, "MalformedQueryString");
}

#[tokio::test]
async fn headers_are_bounded_in_size_and_number() {
    let running = Running::with(Limits { header_bytes: 8192, headers: 16, ..Limits::default() }).await;
    let large = format!("GET / HTTP/1.1\r\nhost: x\r\nx-large: {}\r\n\r\n", "a".repeat(9000));
    assert_eq!(running.client.raw(large.as_bytes()).await.status, 431);
    let many = (0..20).map(|at| format!("x-{at}: 1\r\n")).collect::<Vec<_>>().concat();
    assert_eq!(running.client.raw(format!("GET / HTTP/1.1\r\n{many}\r\n").as_bytes()).await.status, 431);
}

#[tokio::test]
async fn a_client_that_does_not_finish_its_headers_is_hung_up_on() {
    let running = Running::with(Limits { header_time: SHORT, ..Limits::default() }).await;
    let mut stream = running.client.connect().await;
    stream.write_all(b"POST / HTTP/1.1\r\nhost:").await.unwrap();
    let mut rest = Vec::new();
    // Closed with or without a word, but closed.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("the server hangs up");
    assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 408"), "{rest:?}");
}

#[tokio::test]
async fn a_connection_that_brings_no_request_is_hung_up_on_before_the_first_and_after() {
    let running = Running::with(Limits { header_time: SHORT, ..Limits::default() }).await;
    for first in [b"".as_slice(), b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n"] {
        let mut stream = running.client.connect().await;
        stream.write_all(first).await.unwrap();
        let mut rest = Vec::new();
        let _ = timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("the server hangs up");
        assert_eq!(rest.starts_with(b"HTTP/1.1 200"), !first.is_empty(), "{}", String::from_utf8_lossy(&rest));
    }
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_a_timeout() {
    let running = Running::with(Limits { body_time: SHORT, ..Limits::default() }).await;
    let mut bytes = wire::bytes(&describe().sign());
    bytes.truncate(bytes.len() - 1);
    assert_eq!(running.client.raw(&bytes).await.refused(), (400, "RequestTimeout".into()));
}

/// With one place, the next connection is served only once the first has ended.
#[tokio::test]
async fn a_client_that_does_not_read_its_answer_loses_its_place() {
    let running = Running::with(Limits { connections: 1, write_time: SHORT, ..Limits::default() }).await;
    let large = GetCallerIdentityResponse { arn: Some("a".repeat(20 << 20)), ..Default::default() }.encode_to_vec();
    running.control_plane.play(move |_| Ok(large.clone().into()));
    let identity = Draft { body: b"Action=GetCallerIdentity&Version=2011-06-15".to_vec(), ..Draft::new("sts") };
    let mut idle = running.client.connect().await;
    idle.write_all(&wire::bytes(&identity.sign())).await.unwrap();
    let next = timeout(PATIENCE, running.client.raw(b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")).await;
    assert_eq!(next.expect("the place is free again").status, 200);
}

#[tokio::test]
async fn one_address_has_only_so_many_connections_and_has_them_again() {
    let running = Running::with(Limits { connections_per_address: 1, ..Limits::default() }).await;
    let health = b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut first = running.client.connect().await;
    first.write_all(health).await.unwrap();
    assert_ne!(first.read(&mut [0; 256]).await.unwrap(), 0, "it is served");
    let mut second = running.client.connect().await;
    let heard = timeout(PATIENCE, second.read(&mut [0])).await.expect("hung up on, having said nothing");
    assert!(matches!(heard, Ok(0) | Err(_)));
    first.write_all(health).await.unwrap();
    assert_ne!(first.read(&mut [0; 256]).await.unwrap(), 0, "the first one still is");
    drop(first);
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let mut third = running.client.connect().await;
        // Also writing fails on one that was hung up on.
        let _ = third.write_all(health).await;
        if third.read(&mut [0; 256]).await.is_ok_and(|read| read > 0) {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "the place is free again");
    }
}

#[tokio::test]
async fn requests_under_way_are_counted_and_the_next_is_told_to_retry() {
    let running = Running::with(Limits { requests: 1, ..Limits::default() }).await;
    running.control_plane.hold();
    let client = running.client;
    let first = tokio::spawn(async move { client.send(&describe().sign()).await });
    until("the first request waits for its key", || running.control_plane.waiting() == 1).await;
    assert_eq!(client.send(&describe().sign()).await.refused(), (503, "RequestLimitExceeded".into()));
    running.control_plane.release();
    first.await.unwrap();
    assert_ne!(client.send(&describe().sign()).await.status, 503, "the place is free again");
}

/// Who sends slowly holds a connection, and no place among the requests.
#[tokio::test]
async fn bodies_that_do_not_come_keep_nobody_from_being_answered() {
    let running = Running::with(Limits { requests: 1, ..Limits::default() }).await;
    let mut slow = Vec::new();
    for _ in 0..3 {
        let mut stream = running.client.connect().await;
        let bytes = wire::bytes(&describe().sign());
        stream.write_all(&bytes[..bytes.len() - 1]).await.unwrap();
        slow.push(stream);
    }
    let nothing = Draft { body: b"Action=Nothing&Version=2016-11-15".to_vec(), ..describe() };
    assert_eq!(running.client.send(&nothing.sign()).await.refused().1, "InvalidAction");
}

#[tokio::test]
async fn all_bodies_together_are_bounded() {
    let limits = Limits { body_bytes: 4 << 10, bodies_bytes: 4 << 10, ..Limits::default() };
    let running = Running::with(limits).await;
    running.control_plane.hold();
    let client = running.client;
    let large = || Draft { body: vec![b'a'; 3 << 10], ..describe() }.sign();
    let first = tokio::spawn(async move { client.send(&large()).await });
    until("the first request waits for its key", || running.control_plane.waiting() == 1).await;
    assert_eq!(client.send(&large()).await.refused(), (503, "RequestLimitExceeded".into()));
    running.control_plane.release();
    first.await.unwrap();
}

#[tokio::test]
async fn a_control_plane_that_does_not_answer_is_unavailable() {
    let running = Running::with(Limits { request_time: SHORT, ..Limits::default() }).await;
    running.control_plane.hold();
    assert_eq!(running.client.send(&describe().sign()).await.refused(), (503, "Unavailable".into()));
}

#[tokio::test]
async fn stopping_lets_a_request_under_way_finish() {
    let mut running = Running::start().await;
    running.control_plane.hold();
    let client = running.client;
    let first = tokio::spawn(async move { client.send(&describe().sign()).await });
    until("the request waits for its key", || running.control_plane.waiting() == 1).await;
    running.stop.take().unwrap().send(()).unwrap();
    running.control_plane.release();
    assert_ne!(first.await.unwrap().status, 0);
    timeout(PATIENCE, running.served).await.expect("the gateway ends").unwrap();
}

#[tokio::test]
async fn stopping_does_not_wait_for_ever() {
    let mut running = Running::with(Limits { drain_time: SHORT, ..Limits::default() }).await;
    running.control_plane.hold();
    let client = running.client;
    let first = tokio::spawn(async move {
        let mut stream = client.connect().await;
        stream.write_all(&wire::bytes(&describe().sign())).await.unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
    });
    until("the request waits for its key", || running.control_plane.waiting() == 1).await;
    running.stop.take().unwrap().send(()).unwrap();
    timeout(PATIENCE, running.served).await.expect("the gateway ends").unwrap();
    first.await.unwrap();
}
