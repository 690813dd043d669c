//! AWS's own signer, for tests.

use std::time::{Duration, SystemTime};

use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings, UriPathNormalizationMode,
    sign,
};
use aws_sigv4::sign::v4;
use bytes::Bytes;

use crate::request::Request;

pub const KEY: &str = "AKIDEXAMPLE";
pub const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
pub const REGION: &str = "us-east-1";

/// 2 January 2026, 12:00 UTC.
pub fn noon() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_hours(490_932)
}

/// A request before it is signed.
#[derive(Clone, Debug)]
pub struct Draft {
    pub service: &'static str,
    pub method: &'static str,
    pub path: String,
    pub query: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub token: Option<String>,
    pub secret: &'static str,
    pub key: &'static str,
    pub region: &'static str,
    pub presigned: bool,
}

impl Draft {
    pub fn new(service: &'static str) -> Self {
        Self {
            service,
            method: "POST",
            path: "/".into(),
            query: String::new(),
            headers: vec![
                ("host".into(), "127.0.0.1:8773".into()),
                ("content-type".into(), "application/x-www-form-urlencoded; charset=utf-8".into()),
            ],
            body: b"Action=DescribeInstances&Version=2016-11-15".to_vec(),
            token: None,
            secret: SECRET,
            key: KEY,
            region: REGION,
            presigned: false,
        }
    }

    /// Signed by AWS's signer at noon.
    pub fn sign(&self) -> Request {
        let identity = aws_credential_types::Credentials::new(self.key, self.secret, self.token.clone(), None, "test").into();
        let mut settings = SigningSettings::default();
        if self.presigned {
            settings.signature_location = SignatureLocation::QueryParams;
            settings.expires_in = Some(Duration::from_mins(5));
        }
        if self.service == "s3" {
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name(self.service)
            .time(noon())
            .settings(settings)
            .build()
            .unwrap();
        let uri = format!("http://127.0.0.1:8773{}{}{}", self.path, if self.query.is_empty() { "" } else { "?" }, self.query);
        let headers = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let body = if self.presigned && self.service == "s3" { SignableBody::UnsignedPayload } else { SignableBody::Bytes(&self.body) };
        let signable = SignableRequest::new(self.method, &uri, headers, body).unwrap();
        let (instructions, _) = sign(signable, &parameters.into()).unwrap().into_parts();
        let mut builder = http::Request::builder().method(self.method).uri(&uri);
        for (name, value) in &self.headers {
            builder = builder.header(name, value);
        }
        let mut request = builder.body(()).unwrap();
        instructions.apply_to_request_http1x(&mut request);
        let mut request = Request::new(request.into_parts().0);
        request.body = Bytes::from(self.body.clone());
        request
    }
}
