//! The form in which each AWS service says no. One endpoint answers for all of them, so a client of a service that is not served here
//! must still be able to read that it is not.
//!
//! Told from the request's shape, since each protocol has one: only S3 and the two other REST-XML services need to be known by name.

use http::{HeaderMap, StatusCode};

use crate::codec::is_xml;
use crate::form;
use crate::sigv4::Refusal;

/// A protocol's error format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// EC2's Query: `<Response><Errors>…`
    Ec2,
    /// STS, IAM and others: `<ErrorResponse>…`
    Query,
    /// AWS JSON 1.0 and 1.1, by `X-Amz-Target`.
    Json {
        one_zero: bool,
    },
    /// JSON with paths and methods (Lambda, EBS direct).
    RestJson,
    /// XML with paths and methods (Route 53, CloudFront).
    RestXml,
    S3,
    /// `smithy-protocol: rpc-v2-cbor`
    Cbor,
}

impl Dialect {
    /// `service` is the signing name that the request claims, verified or not: it picks a format and nothing else.
    pub fn of(service: Option<&str>, headers: &HeaderMap, query: &str) -> Self {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let content_type = header("content-type").unwrap_or_default();
        match service {
            Some("ec2") => Self::Ec2,
            Some("s3" | "s3express") => Self::S3,
            Some("route53" | "cloudfront") => Self::RestXml,
            _ if header("smithy-protocol") == Some("rpc-v2-cbor") => Self::Cbor,
            _ if headers.contains_key("x-amz-target") => Self::Json { one_zero: content_type.starts_with("application/x-amz-json-1.0") },
            None => Self::Ec2,
            Some("sts") => Self::Query,
            Some(_) if content_type.starts_with("application/x-www-form-urlencoded") || names_an_action(query) => Self::Query,
            Some(_) => Self::RestJson,
        }
    }

    pub fn content_type(self) -> &'static str {
        match self {
            Self::Ec2 | Self::Query | Self::RestXml => "text/xml;charset=UTF-8",
            Self::S3 => "application/xml",
            Self::Json { one_zero: true } => "application/x-amz-json-1.0",
            Self::Json { one_zero: false } => "application/x-amz-json-1.1",
            Self::RestJson => "application/json",
            Self::Cbor => "application/cbor",
        }
    }

    /// What this protocol calls a request that is not believed.
    pub fn refusal(self, refusal: &Refusal) -> (&'static str, StatusCode) {
        let (code, status) = match self {
            Self::Ec2 => match refusal {
                Refusal::Missing => ("MissingAuthenticationToken", 403),
                Refusal::Incomplete(_) => ("IncompleteSignature", 400),
                Refusal::Expired(_) => ("RequestExpired", 400),
                // EC2 does not say whether the key or the secret was wrong.
                Refusal::Scope(_) | Refusal::UnknownKey | Refusal::Token | Refusal::Mismatch => ("AuthFailure", 401),
            },
            Self::Query | Self::RestXml => match refusal {
                Refusal::Missing => ("MissingAuthenticationToken", 403),
                Refusal::Incomplete(_) => ("IncompleteSignature", 400),
                Refusal::Expired(_) | Refusal::Scope(_) | Refusal::Mismatch => ("SignatureDoesNotMatch", 403),
                Refusal::UnknownKey | Refusal::Token => ("InvalidClientTokenId", 403),
            },
            Self::Json { .. } | Self::RestJson | Self::Cbor => match refusal {
                Refusal::Missing => ("MissingAuthenticationTokenException", 400),
                Refusal::Incomplete(_) => ("IncompleteSignatureException", 400),
                Refusal::Expired(_) | Refusal::Scope(_) | Refusal::Mismatch => ("InvalidSignatureException", 400),
                Refusal::UnknownKey | Refusal::Token => ("UnrecognizedClientException", 400),
            },
            Self::S3 => match refusal {
                Refusal::Missing => ("AccessDenied", 403),
                Refusal::Incomplete(_) | Refusal::Scope(_) => ("AuthorizationHeaderMalformed", 400),
                Refusal::Expired(_) => ("RequestTimeTooSkewed", 403),
                Refusal::UnknownKey => ("InvalidAccessKeyId", 403),
                Refusal::Token => ("InvalidToken", 400),
                Refusal::Mismatch => ("SignatureDoesNotMatch", 403),
            },
        };
        (code, StatusCode::from_u16(status).unwrap_or(StatusCode::FORBIDDEN))
    }

    /// What this protocol calls a service that is not here. A client error, so that no SDK retries it.
    pub fn unserved(self) -> (&'static str, StatusCode) {
        match self {
            Self::Ec2 | Self::Query | Self::RestXml => ("InvalidAction", StatusCode::BAD_REQUEST),
            Self::Json { .. } | Self::RestJson | Self::Cbor => ("UnknownOperationException", StatusCode::NOT_FOUND),
            Self::S3 => ("MethodNotAllowed", StatusCode::METHOD_NOT_ALLOWED),
        }
    }

    /// The error document: what botocore and the SDKs read code, message and request id from.
    pub fn document(self, code: &str, message: &str, sender: bool, request_id: &str) -> Vec<u8> {
        let xml = xml_text;
        let fault = if sender { "Sender" } else { "Receiver" };
        match self {
            Self::Ec2 => format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>{}</Code><Message>{}</Message></Error></Errors>\
                 <RequestID>{}</RequestID></Response>",
                xml(code),
                xml(message),
                xml(request_id)
            ),
            Self::Query | Self::RestXml => format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ErrorResponse><Error><Type>{fault}</Type><Code>{}</Code><Message>{}</Message>\
                 </Error><RequestId>{}</RequestId></ErrorResponse>",
                xml(code),
                xml(message),
                xml(request_id)
            ),
            Self::S3 => format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{}</Code><Message>{}</Message><RequestId>{}</RequestId></Error>",
                xml(code),
                xml(message),
                xml(request_id)
            ),
            Self::Json { .. } | Self::RestJson => serde_json::json!({ "__type": code, "message": message }).to_string(),
            Self::Cbor => return cbor([("__type", code), ("message", message)]),
        }
        .into_bytes()
    }
}

/// A client may have sent, and a message then repeats, what XML has no way to say.
fn xml_text(text: &str) -> String {
    let sayable: String = text.chars().map(|letter| if is_xml(letter) { letter } else { char::REPLACEMENT_CHARACTER }).collect();
    quick_xml::escape::escape(&sayable).into_owned()
}

fn names_an_action(query: &str) -> bool {
    form::pairs(query.as_bytes()).any(|pair| pair.is_ok_and(|(name, _)| name == b"Action"))
}

/// RFC 8949: a map of text to text.
fn cbor(pairs: [(&str, &str); 2]) -> Vec<u8> {
    let mut bytes = vec![0xA2];
    for text in pairs.into_iter().flat_map(|(name, value)| [name, value]) {
        // Two bytes of length hold any message of ours; a longer one is cut.
        let text = &text.as_bytes()[..text.floor_char_boundary(usize::from(u16::MAX))];
        let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
        bytes.push(0x79);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(text);
    }
    bytes
}
