//! The least that a server can do for one signed request, for `deploy/bench` to compare with: read it, verify its signature, write an XML
//! document out of values. No limits, no log, no lookup of keys, no decoding, no scheduler.
//!
//! `floor SECRET DOCUMENT`: prints the port it listens on, then answers every correctly signed POST with the document's text nodes,
//! escaped anew each time.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;

type Error = Box<dyn std::error::Error + Send + Sync>;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

fn hmac(key: &[u8], text: &str) -> Result<Vec<u8>, Error> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key)?;
    mac.update(text.as_bytes());
    Ok(mac.finalize().into_bytes().to_vec())
}

/// The document taken apart once: markup and text alternate.
struct Template(Vec<(String, String)>);

impl Template {
    fn of(document: &str) -> Self {
        let parts = document.split_inclusive('>').map(|part| {
            let (text, tag) = part.split_at(part.find('<').unwrap_or(part.len()));
            (text.to_owned(), tag.to_owned())
        });
        Self(parts.collect())
    }

    fn write(&self) -> String {
        let mut document = String::new();
        for (text, tag) in &self.0 {
            document.push_str(&quick_xml::escape::escape(text.as_str()));
            document.push_str(tag);
        }
        document
    }
}

/// The signature over a request by a secret, in hex, beside the one it came with.
fn signatures(parts: &http::request::Parts, body: &[u8], secret: &str) -> Option<(String, String)> {
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let (claims, given) = header("authorization")?.split_once(", Signature=")?;
    let (claims, signed) = claims.split_once(", SignedHeaders=")?;
    let scope = claims.split_once('/')?.1;
    let lines: String = signed.split(';').filter_map(|name| Some(format!("{name}:{}\n", header(name)?))).collect::<Vec<_>>().concat();
    let canonical = format!("{}\n{}\n\n{lines}\n{signed}\n{}", parts.method, parts.uri.path(), hex(&Sha256::digest(body)));
    let text = format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{}", header("x-amz-date")?, hex(&Sha256::digest(canonical)));
    let key = scope.split('/').try_fold(format!("AWS4{secret}").into_bytes(), |key, part| hmac(&key, part)).ok()?;
    Some((hex(&hmac(&key, &text).ok()?), given.to_owned()))
}

async fn answer(request: Request<Incoming>, secret: &str, template: &Template) -> Result<Response<Full<Bytes>>, Error> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let believed = signatures(&parts, &body, secret).is_some_and(|(right, given)| right == given);
    let document = if believed { template.write() } else { String::new() };
    Ok(Response::builder().status(if believed { 200 } else { 403 }).header("content-type", "text/xml").body(Full::new(document.into()))?)
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [secret, document] = arguments.as_slice() else { return Err("usage: floor SECRET DOCUMENT".into()) };
    let (secret, template) = (Arc::new(secret.clone()), Arc::new(Template::of(&std::fs::read_to_string(document)?)));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (secret, template) = (secret.clone(), template.clone());
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let (secret, template) = (secret.clone(), template.clone());
                async move {
                    let failed = |error: Error| Response::new(Full::new(Bytes::from(error.to_string())));
                    Ok::<_, Infallible>(answer(request, &secret, &template).await.unwrap_or_else(failed))
                }
            });
            // A client that hangs up ends its connection.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
