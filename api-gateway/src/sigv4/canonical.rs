//! The canonical request: the one text that both ends make of the same bytes, and its hash.

use sha2::{Digest, Sha256};

use super::{Claim, Form, Refusal};
use crate::form;
use crate::request::Request;

const CONTENT_HASH: &str = "x-amz-content-sha256";

/// The hash of the canonical request, in hex.
pub(super) fn hash(request: &Request, claim: &Claim) -> Result<String, Refusal> {
    let mut canonical = Sha256::new();
    let mut line = |text: &[u8]| {
        canonical.update(text);
        canonical.update(b"\n");
    };
    line(request.method.as_str().as_bytes());
    line(path(&request.path, claim.scope.is_s3())?.as_bytes());
    line(query(&request.query)?.as_bytes());
    for name in &claim.signed_headers {
        line(&header(request, name));
    }
    line(b"");
    line(claim.signed_headers.join(";").as_bytes());
    canonical.update(payload(request, claim)?.as_bytes());
    Ok(hex(&canonical.finalize()))
}

/// S3 signs the path it means, encoded once. All others sign the path on the wire, normalised, encoded once more.
fn path(raw: &str, s3: bool) -> Result<String, Refusal> {
    let mut path = String::with_capacity(raw.len());
    if !s3 {
        form::encode(&mut path, normalised(raw).as_bytes(), true);
        return Ok(path);
    }
    // Segment by segment, since a key may have an encoded slash in it.
    for (at, segment) in raw.split('/').enumerate() {
        if at > 0 {
            path.push('/');
        }
        let meant =
            form::decode(segment.as_bytes(), false).map_err(|error| Refusal::incomplete(format!("The path is malformed: {error}.")))?;
        form::encode(&mut path, &meant, false);
    }
    Ok(path)
}

/// RFC 3986, section 5.2.4, with empty segments removed as AWS does.
fn normalised(raw: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in raw.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(kept.pop()),
            other => kept.push(other),
        }
    }
    let mut path = format!("/{}", kept.join("/"));
    let ends_in_folder = matches!(raw.rsplit('/').next(), Some("" | "." | ".."));
    if ends_in_folder && !path.ends_with('/') {
        path.push('/');
    }
    path
}

/// Sorted by encoded name, then value; the signature itself left out.
fn query(raw: &str) -> Result<String, Refusal> {
    let mut pairs = Vec::new();
    for pair in form::pairs(raw.as_bytes()) {
        let (name, value) = pair.map_err(|error| Refusal::incomplete(format!("The query string is malformed: {error}.")))?;
        if name == b"X-Amz-Signature" {
            continue;
        }
        let encoded = |raw: &[u8]| {
            let mut text = String::with_capacity(raw.len());
            form::encode(&mut text, raw, false);
            text
        };
        pairs.push((encoded(&name), encoded(&value)));
    }
    pairs.sort_unstable();
    let parts: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    Ok(parts.join("&"))
}

/// `name:value`, several values joined by commas, runs of spaces made one.
fn header(request: &Request, name: &str) -> Vec<u8> {
    let mut line = name.as_bytes().to_vec();
    line.push(b':');
    for (at, value) in request.headers.get_all(name).iter().enumerate() {
        if at > 0 {
            line.push(b',');
        }
        let words = value.as_bytes().split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
        for (at, word) in words.enumerate() {
            if at > 0 {
                line.push(b' ');
            }
            line.extend_from_slice(word);
        }
    }
    line
}

/// What stands for the body. Only S3 may leave it unsigned or sign it in pieces; a hash that is given has to be the body's.
fn payload(request: &Request, claim: &Claim) -> Result<String, Refusal> {
    let given = if request.headers.contains_key(CONTENT_HASH) {
        Some(request.header(CONTENT_HASH).ok_or_else(|| Refusal::incomplete("x-amz-content-sha256 is given twice."))?)
    } else {
        None
    };
    let body = || hex(&Sha256::digest(&request.body));
    match given {
        Some(word) if claim.scope.is_s3() && (word == "UNSIGNED-PAYLOAD" || word.starts_with("STREAMING-")) => Ok(word.to_owned()),
        Some(word) if word == body() => Ok(word.to_owned()),
        Some(_) => Err(Refusal::Mismatch),
        None if claim.scope.is_s3() && matches!(claim.form, Form::Presigned { .. }) => Ok("UNSIGNED-PAYLOAD".into()),
        None => Ok(body()),
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
