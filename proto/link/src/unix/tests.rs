//! Peers that are there and say nothing.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

const SILENCE: Duration = Duration::from_millis(50);
const DEADLINE: Duration = Duration::from_secs(30);

/// What opens an HTTP/2 connection: the client's preface, and settings of one's own without any in them.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

#[tokio::test]
async fn a_server_hangs_up_on_a_client_that_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let listener = bind(&socket).unwrap();
    let serving = serve_talkative(listener, tonic::service::Routes::default(), std::future::pending(), SILENCE);
    let client = async {
        let mut stream = UnixStream::connect(&socket).await.unwrap();
        stream.write_all(PREFACE).await.unwrap();
        stream.write_all(SETTINGS).await.unwrap();
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).await.unwrap();
    };
    tokio::select! {
        ended = serving => panic!("the server ended: {ended:?}"),
        hung_up = tokio::time::timeout(DEADLINE, client) => hung_up.unwrap(),
    }
}

#[tokio::test]
async fn a_call_to_a_server_that_stopped_fails() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let listener = bind(&socket).unwrap();
    let stopped = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(SETTINGS).await.unwrap();
        std::future::pending::<()>().await;
    };
    let call = async {
        let mut grpc = tonic::client::Grpc::new(talkative_channel(socket.clone(), SILENCE));
        grpc.ready().await.unwrap();
        let path = http::uri::PathAndQuery::from_static("/any/Thing");
        grpc.unary(tonic::Request::new(bytes::Bytes::new()), path, crate::raw::RawCodec).await
    };
    tokio::select! {
        () = stopped => {}
        answer = tokio::time::timeout(DEADLINE, call) => assert!(answer.unwrap().is_err()),
    }
}
