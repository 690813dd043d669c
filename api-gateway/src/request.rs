//! One HTTP request, whole, its bytes as they came off the wire: a signature is over raw bytes, so nothing is normalised on the way in.

use bytes::Bytes;
use http::{HeaderMap, Method};

/// What a signature is verified over.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: Method,
    /// As sent, still percent-encoded; never empty.
    pub path: String,
    /// As sent, without the question mark; empty where there is none.
    pub query: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Request {
    /// A request whose body is still to be read.
    pub fn new(parts: http::request::Parts) -> Self {
        let path = parts.uri.path();
        Self {
            method: parts.method,
            path: if path.is_empty() { "/".into() } else { path.into() },
            query: parts.uri.query().unwrap_or_default().into(),
            headers: parts.headers,
            body: Bytes::new(),
        }
    }

    /// A header's only value as text. `None` if it is absent, repeated or not visible ASCII.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next()?;
        if values.next().is_some() { None } else { value.to_str().ok() }
    }
}
