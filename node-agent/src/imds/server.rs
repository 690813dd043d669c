//! The listener of one VPC's metadata service: connections, their bounds, and who is calling.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use nix::sys::socket::{setsockopt, sockopt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use super::Service;
use super::router::{self, Request, Response};
use crate::network::{Turns, View};

/// Connections of one VPC, and of one caller.
const CONNECTIONS: usize = 1024;
const PER_CALLER: usize = 32;
/// For the head of a request, and between two.
const HEAD: Duration = Duration::from_secs(10);
/// For a whole connection.
const LIFE: Duration = Duration::from_mins(5);
const HEAD_BYTES: usize = 16 * 1024;
const HEADERS: usize = 64;

/// After a connection could not be taken: the process has no descriptor left, and will not have one at once.
const BREATH: Duration = Duration::from_millis(100);

/// Serves until the listener's task is ended.
pub async fn serve(listener: TcpListener, view: watch::Receiver<Arc<View>>, service: Arc<Service>) {
    let connections = Arc::new(Semaphore::new(CONNECTIONS));
    let turns = Turns::new(PER_CALLER);
    loop {
        let Ok(permit) = Arc::clone(&connections).acquire_owned().await else { return };
        let Ok((stream, peer)) = listener.accept().await else {
            tokio::time::sleep(BREATH).await;
            continue;
        };
        let IpAddr::V4(caller) = peer.ip() else { continue };
        let Some(turn) = turns.take(caller) else { continue };
        let (view, service) = (view.clone(), Arc::clone(&service));
        tokio::spawn(async move {
            // However it ends, it is over for this caller.
            drop(tokio::time::timeout(LIFE, converse(stream, caller, view, service)).await);
            drop((permit, turn));
        });
    }
}

async fn converse(
    stream: TcpStream,
    caller: Ipv4Addr,
    view: watch::Receiver<Arc<View>>,
    metadata: Arc<Service>,
) -> Result<(), hyper::Error> {
    // The limit is the connection's, and once set it stays: were it raised for a later answer, the kernel would also send again under
    // the higher one what the lower one kept from arriving, and so a token would come too far.
    let Ok(socket) = stream.as_fd().try_clone_to_owned() else { return Ok(()) };
    let service = service_fn(|request: http::Request<Incoming>| {
        let response = respond(&request, caller, &view.borrow(), &metadata);
        if let Some(limit) = response.hop_limit {
            // A connection that can not be limited is one that is closing.
            let _ = setsockopt(&socket, sockopt::Ipv4Ttl, &i32::from(limit));
        }
        std::future::ready(Ok::<_, Infallible>(finished(response)))
    });
    protocol().serve_connection(TokioIo::new(stream), service).await
}

fn protocol() -> http1::Builder {
    let mut protocol = http1::Builder::new();
    protocol.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(HEAD_BYTES).max_headers(HEADERS);
    // A shell's `printf … | nc` closes its half once it has asked, which would count as a question withdrawn.
    protocol.half_close(true);
    protocol
}

fn respond(request: &http::Request<Incoming>, caller: Ipv4Addr, view: &View, service: &Service) -> Response {
    let interface = view.plan.interface_of(caller);
    let instance = interface.and_then(|interface| view.plan.instances.get(&interface.instance_id));
    let Some(instance) = instance else { return Response::status(StatusCode::NOT_FOUND) };
    let asked = Request { method: request.method(), path: request.uri().path(), headers: request.headers(), now: service.clock.now() };
    let mut response = router::answer(&asked, instance, &view.plan, &service.tokens);
    if request.method() == Method::HEAD {
        response.body.clear();
    }
    response
}

fn finished(response: Response) -> http::Response<Full<Bytes>> {
    let mut finished = http::Response::new(Full::new(Bytes::from(response.body)));
    *finished.status_mut() = response.status;
    *finished.headers_mut() = response.headers;
    finished.headers_mut().insert(http::header::SERVER, HeaderValue::from_static("EC2ws"));
    finished
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_caller_that_closes_its_half_with_the_question_is_answered() {
        let (mut caller, stream) = tokio::io::duplex(1024);
        caller.write_all(b"PUT /latest/api/token HTTP/1.0\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        caller.shutdown().await.unwrap();
        let service = service_fn(|_| std::future::ready(Ok::<_, Infallible>(finished(Response::status(StatusCode::NOT_FOUND)))));
        protocol().serve_connection(TokioIo::new(stream), service).await.unwrap();
        let mut answer = String::new();
        caller.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.0 404"), "{answer:?}");
    }
}
