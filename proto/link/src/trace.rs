//! Which request a call between parts belongs to, as W3C Trace Context has it:
//! `traceparent: 00-TRACE-SPAN-01` (<https://www.w3.org/TR/trace-context/>).
//!
//! A trace is a request of a client's: its id is the request id without dashes, so that the id in a client's error, in each part's log and
//! in a collector of traces is the same. For people to follow a request by, never for a decision: who asks is the caller's business.

use http::{HeaderMap, HeaderValue};

/// The header, and the gRPC metadata key.
pub const TRACEPARENT: &str = "traceparent";

/// What a request with this id is called on its way. `None` for an id that is no UUID.
pub fn traceparent(request_id: &str) -> Option<String> {
    let trace: String = request_id.chars().filter(|letter| *letter != '-').collect();
    is_trace(&trace).then(|| {
        // One call per hop: the caller's span needs no number of its own, only one that is not zero.
        let span = trace.get(16..).filter(|half| half.bytes().any(|digit| digit != b'0')).unwrap_or("0000000000000001");
        format!("00-{trace}-{span}-01")
    })
}

/// Writes it into a call's headers.
pub fn write(request_id: &str, headers: &mut HeaderMap) {
    if let Some(value) = traceparent(request_id).and_then(|text| HeaderValue::try_from(text).ok()) {
        headers.insert(TRACEPARENT, value);
    }
}

/// The request id that a `traceparent` carries.
pub fn request_id(traceparent: &str) -> Option<String> {
    let mut parts = traceparent.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    // Later versions may append parts.
    let well_formed = version.len() == 2 && version != "ff" && is_trace(trace) && span.len() == 16 && flags.len() == 2;
    well_formed.then(|| {
        let part = |from: usize, to: usize| trace.get(from..to).unwrap_or_default();
        format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
    })
}

/// Puts a span into the trace of the request with this id, where spans are exported.
#[cfg_attr(not(feature = "otlp"), expect(unused_variables, reason = "spans stay in this process"))]
pub fn join(span: &tracing::Span, request_id: &str) {
    #[cfg(feature = "otlp")]
    if let Some(traceparent) = traceparent(request_id) {
        crate::otlp::join(span, &traceparent);
    }
}

/// 32 lower-case hex digits, not all zeros.
fn is_trace(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) && text.bytes().any(|byte| byte != b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0af76519-16cd-43dd-8448-eb211c80319c";

    #[test]
    fn a_request_id_comes_back_from_its_traceparent() {
        let text = traceparent(ID).unwrap();
        assert_eq!(text, "00-0af7651916cd43dd8448eb211c80319c-8448eb211c80319c-01");
        assert_eq!(request_id(&text).as_deref(), Some(ID));
        let mut headers = HeaderMap::new();
        write(ID, &mut headers);
        assert_eq!(headers[TRACEPARENT], text);
    }

    #[test]
    fn what_is_no_id_is_not_carried_and_what_is_no_traceparent_is_not_read() {
        for id in ["", "test", "0AF76519-16CD-43DD-8448-EB211C80319C", "00000000-0000-0000-0000-000000000000"] {
            assert_eq!(traceparent(id), None, "{id}");
        }
        for text in ["", "00", "00-xyz-0000000000000001-01", "ff-0af7651916cd43dd8448eb211c80319c-8448eb211c80319c-01", "00-é-1-1"] {
            assert_eq!(request_id(text), None, "{text}");
        }
        assert!(request_id("01-0af7651916cd43dd8448eb211c80319c-8448eb211c80319c-01-more").is_some(), "a later version");
    }
}
