//! A client that sends exactly the bytes it is given and reads until the server hangs up.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::request::Request;

/// Longer than any bound under test by far.
pub const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Copy)]
pub struct Client(pub SocketAddr);

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// What stands in the first element of this name.
    pub fn element(&self, name: &str) -> String {
        let text = self.text();
        let (_, rest) = text.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("no <{name}> in {text}"));
        rest.split('<').next().unwrap_or_default().to_owned()
    }

    pub fn refused(&self) -> (u16, String) {
        (self.status, self.element("Code"))
    }
}

impl Client {
    pub async fn connect(self) -> TcpStream {
        TcpStream::connect(self.0).await.unwrap()
    }

    pub async fn send(self, request: &Request) -> Answer {
        self.raw(&bytes(request)).await
    }

    pub async fn raw(self, bytes: &[u8]) -> Answer {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.unwrap();
        read(&mut stream).await
    }
}

/// The request as it stands on the wire, once only on its connection.
pub fn bytes(request: &Request) -> Vec<u8> {
    let query = if request.query.is_empty() { String::new() } else { format!("?{}", request.query) };
    let mut bytes =
        format!("{} {}{query} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n", request.method, request.path, request.body.len())
            .into_bytes();
    for (name, value) in &request.headers {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(&request.body);
    bytes
}

pub async fn read(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("the server hangs up").unwrap();
    let at = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("an HTTP answer");
    let head = String::from_utf8(bytes[..at].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap().parse().unwrap();
    let headers = lines.filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Answer { status, headers, body: bytes[at + 4..].to_vec() }
}
