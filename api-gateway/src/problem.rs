//! The one error funnel: whatever went wrong becomes AWS's code, its HTTP status and a document in the service's own format, here.

use axum::response::Response;
use bytes::Bytes;
use freehold_proto::{ErrorCode, Fault};
use http::{HeaderValue, StatusCode};

use crate::dialect::Dialect;
use crate::sigv4::Refusal;

/// Why a request gets no answer of its action's.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The signing name of a service that Freehold does not have.
    #[error("This cloud does not serve the service '{0}'.")]
    Unserved(String),
}

impl Problem {
    /// The word and the status that this client's protocol has for it.
    pub fn code(&self, dialect: Dialect) -> (&'static str, StatusCode) {
        match self {
            Self::Refused(refusal) => dialect.refusal(refusal),
            Self::Fault(fault) => {
                (fault.code.as_str(), StatusCode::from_u16(fault.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
            }
            Self::Unserved(_) => dialect.unserved(),
        }
    }

    fn message(&self, dialect: Dialect) -> String {
        match self {
            Self::Fault(fault) => fault.message.clone(),
            // EC2 answers these alike, so that nobody learns which keys exist.
            Self::Refused(Refusal::UnknownKey | Refusal::Mismatch | Refusal::Token) if dialect == Dialect::Ec2 => {
                "AWS was not able to validate the provided access credentials".into()
            }
            other => other.to_string(),
        }
    }

    /// The source of a failure goes to the log, once, and never to the client.
    pub fn log(&self) {
        let Self::Fault(Fault { code, source: Some(source), .. }) = self else { return };
        let causes = causes(source.as_ref());
        if *code == ErrorCode::InternalError {
            tracing::error!(causes, "a request failed");
        } else {
            tracing::warn!(causes, %code, "a request could not be served");
        }
    }

    pub fn answer(&self, dialect: Dialect, request_id: &str) -> Response {
        let (code, status) = self.code(dialect);
        let document = dialect.document(code, &self.message(dialect), status.is_client_error(), request_id);
        let mut response = document_response(status, dialect.content_type(), document.into(), request_id);
        if let Ok(code) = HeaderValue::from_str(code)
            && matches!(dialect, Dialect::Json { .. } | Dialect::RestJson)
        {
            response.headers_mut().insert("x-amzn-errortype", code);
        }
        if dialect == Dialect::Cbor {
            response.headers_mut().insert("smithy-protocol", HeaderValue::from_static("rpc-v2-cbor"));
        }
        // S3 has its own name for it.
        if let (Dialect::S3, Ok(id)) = (dialect, HeaderValue::from_str(request_id)) {
            response.headers_mut().insert("x-amz-request-id", id);
        }
        response
    }
}

/// Every answer of the gateway's but that to a health check.
pub fn document_response(status: StatusCode, content_type: &'static str, document: Bytes, request_id: &str) -> Response {
    let mut response = Response::new(document.into());
    *response.status_mut() = status;
    response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
    response
}

fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
