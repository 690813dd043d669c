//! From a request to an answer: EC2's rules for methods, versions, tokens and paths. A pure function but for the token's nonce.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html>

use std::time::SystemTime;

use freehold_proto::internal::host::{InstanceDesired, Metadata};
use http::header::{ALLOW, CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, StatusCode};

use super::document::document;
use super::token::{LONGEST, Tokens};
use super::tree::{Found, Tree};
use crate::network::plan::VpcPlan;

const TOKEN: &str = "x-aws-ec2-metadata-token";
const TTL: &str = "x-aws-ec2-metadata-token-ttl-seconds";
const TOKEN_PATH: &str = "/latest/api/token";

/// All that EC2 has ever answered to; the data are the newest version's in each.
const VERSIONS: &[&str] = &[
    "1.0",
    "2007-01-19",
    "2007-03-01",
    "2007-08-29",
    "2007-10-10",
    "2007-12-15",
    "2008-02-01",
    "2008-09-01",
    "2009-04-04",
    "2011-01-01",
    "2011-05-01",
    "2012-01-12",
    "2014-02-25",
    "2014-11-05",
    "2015-10-20",
    "2016-04-19",
    "2016-06-30",
    "2016-09-02",
    "2018-03-28",
    "2018-08-17",
    "2018-09-24",
    "2019-10-01",
    "2020-10-27",
    "2021-01-03",
    "2021-03-23",
    "2021-07-15",
    "2022-09-24",
    "latest",
];

pub struct Request<'a> {
    pub method: &'a Method,
    pub path: &'a str,
    pub headers: &'a HeaderMap,
    pub now: SystemTime,
}

#[derive(Debug)]
pub struct Response {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// Routers between the service and the reader that this answer survives; `None` for any number.
    pub hop_limit: Option<u8>,
}

impl Response {
    fn text(body: impl Into<Vec<u8>>) -> Self {
        let mut response = Self { status: StatusCode::OK, headers: HeaderMap::new(), body: body.into(), hop_limit: None };
        response.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        response
    }

    pub fn status(status: StatusCode) -> Self {
        let reason = status.canonical_reason().unwrap_or_default();
        let code = status.as_u16();
        let body = format!("<html>\n <head><title>{code} - {reason}</title></head>\n <body><h1>{code} - {reason}</h1></body>\n</html>\n");
        let mut response = Self { status, ..Self::text(body) };
        response.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
        response
    }

    fn not_allowed(allow: &'static str) -> Self {
        let mut response = Self::status(StatusCode::METHOD_NOT_ALLOWED);
        response.headers.insert(ALLOW, HeaderValue::from_static(allow));
        response
    }
}

/// Answers one instance's request about itself.
pub fn answer(request: &Request<'_>, instance: &InstanceDesired, vpc: &VpcPlan, tokens: &Tokens) -> Response {
    let nothing = Metadata::default();
    let metadata = instance.metadata.as_ref().unwrap_or(&nothing);
    if metadata.http_endpoint == "disabled" {
        return Response::status(StatusCode::FORBIDDEN);
    }
    if request.path == TOKEN_PATH {
        return mint(request, instance, metadata, tokens);
    }
    if !matches!(*request.method, Method::GET | Method::HEAD) {
        return Response::not_allowed("GET, HEAD");
    }
    let given = request.headers.get(TOKEN).map(|token| token.to_str().unwrap_or_default());
    let remaining = given.map(|token| tokens.remaining(token, &instance.instance_id, request.now));
    let remaining = match remaining {
        // A wrong token is refused even where none is required.
        Some(None) => return Response::status(StatusCode::UNAUTHORIZED),
        None if metadata.http_tokens == "required" => return Response::status(StatusCode::UNAUTHORIZED),
        Some(Some(seconds)) => Some(seconds),
        None => None,
    };
    let mut response = read(request.path, instance, metadata, vpc).unwrap_or_else(|| Response::status(StatusCode::NOT_FOUND));
    if let Some(seconds) = remaining {
        response.headers.insert(TTL, HeaderValue::from(seconds));
    }
    response
}

fn mint(request: &Request<'_>, instance: &InstanceDesired, metadata: &Metadata, tokens: &Tokens) -> Response {
    if *request.method != Method::PUT {
        return Response::not_allowed("OPTIONS, PUT");
    }
    // A request that a proxy passed on is not the instance's own.
    if request.headers.contains_key("x-forwarded-for") {
        return Response::status(StatusCode::FORBIDDEN);
    }
    let seconds = request.headers.get(TTL).and_then(|value| value.to_str().ok()?.parse().ok());
    let Some(seconds) = seconds.filter(|seconds| (1..=LONGEST).contains(seconds)) else {
        return Response::status(StatusCode::BAD_REQUEST);
    };
    let Ok(token) = tokens.mint(&instance.instance_id, seconds, request.now) else {
        return Response::status(StatusCode::SERVICE_UNAVAILABLE);
    };
    let mut response = Response::text(token);
    response.headers.insert(TTL, HeaderValue::from(seconds));
    // Zero is what a message without the member says; EC2's default is one.
    response.hop_limit = Some(u8::try_from(metadata.http_put_response_hop_limit.clamp(1, 64)).unwrap_or(64));
    response
}

fn read(path: &str, instance: &InstanceDesired, metadata: &Metadata, vpc: &VpcPlan) -> Option<Response> {
    let path = decode(path)?;
    let path = path.strip_prefix('/')?;
    let (version, rest) = path.split_once('/').unwrap_or((path, ""));
    if version.is_empty() && rest.is_empty() {
        return Some(Response::text(VERSIONS.join("\n")));
    }
    if !VERSIONS.contains(&version) {
        return None;
    }
    let (category, rest) = rest.split_once('/').unwrap_or((rest, ""));
    match category {
        "" => Some(Response::text(if metadata.has_user_data { "dynamic\nmeta-data\nuser-data" } else { "dynamic\nmeta-data" })),
        "user-data" if rest.is_empty() && metadata.has_user_data => {
            let mut response = Response::text(metadata.user_data.clone());
            response.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
            Some(response)
        }
        "meta-data" => match Tree::new(instance, vpc).get(rest, &metadata.key_name)? {
            Found::Value(text) | Found::Listing(text) => Some(Response::text(text)),
        },
        "dynamic" => dynamic(rest, instance),
        _ => None,
    }
}

fn dynamic(path: &str, instance: &InstanceDesired) -> Option<Response> {
    match path {
        "" => Some(Response::text("instance-identity/")),
        "instance-identity" | "instance-identity/" => Some(Response::text("document")),
        "instance-identity/document" => document(instance).map(Response::text),
        _ => None,
    }
}

/// Percent-decoding, for the keys of tags.
fn decode(path: &str) -> Option<String> {
    let mut bytes = path.bytes();
    let mut decoded = Vec::with_capacity(path.len());
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next()?, bytes.next()?];
            decoded.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            decoded.push(byte);
        }
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
pub(crate) mod tests;
