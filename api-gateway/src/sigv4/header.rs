//! The header form: `Authorization: AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`.

use super::claim::{self, Claim, Form};
use super::stamp::Stamp;
use super::{ALGORITHM, Refusal};
use crate::request::Request;

const SHAPE: &str = "The Authorization header has to read 'AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…', each part once.";

pub(super) fn read(request: &Request) -> Result<Claim, Refusal> {
    let text = request.header("authorization").ok_or_else(|| Refusal::incomplete(SHAPE))?;
    let [credential, signed_headers, signature] = parts(text)?;
    let session_token = request.headers.contains_key("x-amz-security-token").then(|| request.header("x-amz-security-token"));
    Ok(Claim {
        scope: claim::scope(credential)?,
        form: Form::Header,
        stamp: stamp(request)?,
        signed_headers: claim::signed_headers(signed_headers)?,
        signature: claim::signature(signature)?,
        session_token: session_token
            .map(|token| token.map(str::to_owned).ok_or_else(|| Refusal::incomplete("X-Amz-Security-Token is given twice or is not text.")))
            .transpose()?,
    })
}

/// Credential, SignedHeaders and Signature, whatever their order.
fn parts(text: &str) -> Result<[&str; 3], Refusal> {
    let (algorithm, rest) = text.split_once(' ').ok_or_else(|| Refusal::incomplete(SHAPE))?;
    if algorithm != ALGORITHM {
        return Err(Refusal::incomplete(format!("Unsupported AWS algorithm. {SHAPE}")));
    }
    let mut found = [None; 3];
    for part in rest.split(',') {
        let (name, value) = part.trim().split_once('=').ok_or_else(|| Refusal::incomplete(SHAPE))?;
        let slot = match name {
            "Credential" => &mut found[0],
            "SignedHeaders" => &mut found[1],
            "Signature" => &mut found[2],
            _ => return Err(Refusal::incomplete(SHAPE)),
        };
        if slot.replace(value).is_some() {
            return Err(Refusal::incomplete(SHAPE));
        }
    }
    match found {
        [Some(credential), Some(signed_headers), Some(signature)] => Ok([credential, signed_headers, signature]),
        _ => Err(Refusal::incomplete(SHAPE)),
    }
}

/// `X-Amz-Date`, else `Date`; AWS takes either and prefers the first.
fn stamp(request: &Request) -> Result<Stamp, Refusal> {
    if request.headers.contains_key("x-amz-date") {
        return request
            .header("x-amz-date")
            .and_then(Stamp::parse_basic)
            .ok_or_else(|| Refusal::incomplete("X-Amz-Date has to be one UTC date such as 20260102T030405Z."));
    }
    request
        .header("date")
        .and_then(|text| Stamp::parse_basic(text).or_else(|| Stamp::parse_http(text)))
        .ok_or_else(|| Refusal::incomplete("The request has to carry its date in an X-Amz-Date header such as 20260102T030405Z."))
}
