//! What a request says about its own signature, and the two checks that make it true.

use std::time::Duration;

use freehold_proto::clock::Clock;
use subtle::ConstantTimeEq;

use super::stamp::Stamp;
use super::{ALGORITHM, DayKey, Refusal, Scope, canonical, header, presigned};
use crate::request::Request;

/// How far a client's clock may be off, either way.
const SKEW: Duration = Duration::from_mins(15);

/// Where the signature stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `Authorization: AWS4-HMAC-SHA256 …`
    Header,
    /// `?X-Amz-Algorithm=…`, good for this long after its date.
    Presigned { lifetime: Duration },
}

/// A signature as read, well-formed and not yet verified.
#[derive(Clone, Debug)]
pub struct Claim {
    pub scope: Scope,
    pub form: Form,
    pub(super) stamp: Stamp,
    /// Lower case, sorted, no two alike.
    pub(super) signed_headers: Vec<String>,
    pub(super) signature: [u8; 32],
    pub(super) session_token: Option<String>,
}

impl Claim {
    /// Reads either form. Two signatures in one request are refused: which one is meant would be anybody's guess.
    pub fn read(request: &Request) -> Result<Self, Refusal> {
        let in_header = request.headers.contains_key(http::header::AUTHORIZATION);
        match (in_header, presigned::Parameters::read(request)?) {
            (true, Some(_)) => {
                Err(Refusal::incomplete("The request is signed twice: in its Authorization header and in its query string."))
            }
            (true, None) => header::read(request),
            (false, Some(parameters)) => parameters.claim(request),
            (false, None) => Err(Refusal::Missing),
        }
    }

    /// Checks all that needs no key: time, region, and that what has to be signed is among what is signed.
    pub fn admit(&self, request: &Request, clock: &dyn Clock, region: &str) -> Result<(), Refusal> {
        self.check_time(Stamp::now(clock))?;
        if self.scope.date != self.stamp.day() {
            return Err(Refusal::Scope(format!(
                "The date in the credential scope, {}, is not that of the request's date, {}.",
                self.scope.date,
                self.stamp.day()
            )));
        }
        if self.scope.region != region {
            return Err(Refusal::Scope(format!(
                "Credential should be scoped to a valid region, not '{}'; this cloud's region is '{region}'.",
                self.scope.region
            )));
        }
        self.check_signed_headers(request)
    }

    /// Whether these bytes were signed with this key. `session_token` is the one that belongs to the key, if it is a session's.
    pub fn verify(&self, request: &Request, key: &DayKey, session_token: Option<&str>) -> Result<(), Refusal> {
        let given = self.session_token.as_deref().unwrap_or_default().as_bytes();
        let expected = session_token.unwrap_or_default().as_bytes();
        let same_token: bool = given.ct_eq(expected).into();
        let canonical = canonical::hash(request, self)?;
        let signature = key.sign(self.string_to_sign(&canonical).as_bytes());
        let same_signature: bool = signature.ct_eq(&self.signature).into();
        match (same_signature, same_token) {
            (true, true) => Ok(()),
            (false, _) => Err(Refusal::Mismatch),
            (true, false) => Err(Refusal::Token),
        }
    }

    fn string_to_sign(&self, canonical: &str) -> String {
        format!("{ALGORITHM}\n{}\n{}\n{canonical}", self.stamp.basic(), self.scope.credential_scope())
    }

    fn check_time(&self, now: Stamp) -> Result<(), Refusal> {
        let stamp = self.stamp.basic();
        if self.stamp.is_after(now.plus(SKEW)) {
            return Err(Refusal::Expired(format!(
                "Signature not yet current: {stamp} is still later than {} (15 minutes from now). Set the client's clock.",
                now.plus(SKEW).basic()
            )));
        }
        let (until, why) = match self.form {
            Form::Header => (self.stamp.plus(SKEW), "15 minutes after its date. Set the client's clock"),
            Form::Presigned { lifetime } => (self.stamp.plus(lifetime), "X-Amz-Expires seconds after its date. Presign a new request"),
        };
        if now.is_after(until) {
            return Err(Refusal::Expired(format!("Request has expired: it was signed at {stamp} and ended at {}, {why}.", until.basic())));
        }
        Ok(())
    }

    /// `host` says who the request was meant for and `x-amz-*` headers change what it means: an intermediary must not be able to add one.
    fn check_signed_headers(&self, request: &Request) -> Result<(), Refusal> {
        let signed = |name: &str| self.signed_headers.iter().any(|signed| signed == name);
        if !signed("host") {
            return Err(Refusal::Scope("'Host' must be a 'SignedHeader' in the AWS Authorization.".into()));
        }
        if let Some(name) = request.headers.keys().map(http::HeaderName::as_str).find(|name| name.starts_with("x-amz-") && !signed(name)) {
            return Err(Refusal::Scope(format!("'{name}' must be a 'SignedHeader' in the AWS Authorization.")));
        }
        if let Some(name) = self.signed_headers.iter().find(|name| !request.headers.contains_key(name.as_str())) {
            return Err(Refusal::Scope(format!("The header '{name}' is named in SignedHeaders and is not in the request.")));
        }
        Ok(())
    }
}

/// `host;x-amz-date`, which clients write in lower case and sorted.
pub(super) fn signed_headers(text: &str) -> Result<Vec<String>, Refusal> {
    let names: Vec<String> = text.split(';').map(str::to_owned).collect();
    let well_formed = names.iter().all(|name| !name.is_empty() && !name.bytes().any(|byte| byte.is_ascii_uppercase()));
    if !well_formed || !names.is_sorted_by(|one, next| one < next) {
        return Err(Refusal::incomplete("SignedHeaders has to list header names in lower case, sorted, each once, with ';' between them."));
    }
    Ok(names)
}

/// 64 hex digits.
pub(super) fn signature(text: &str) -> Result<[u8; 32], Refusal> {
    let malformed = || Refusal::incomplete("The Signature has to be 64 lower-case hexadecimal digits.");
    if text.len() != 64 || !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(malformed());
    }
    let mut signature = [0; 32];
    for (byte, pair) in signature.iter_mut().zip(text.as_bytes().chunks(2)) {
        let pair = std::str::from_utf8(pair).map_err(|_| malformed())?;
        *byte = u8::from_str_radix(pair, 16).map_err(|_| malformed())?;
    }
    Ok(signature)
}

/// The credential's five parts.
pub(super) fn scope(text: &str) -> Result<Scope, Refusal> {
    Scope::parse(text).ok_or_else(|| {
        Refusal::incomplete("Credential must have exactly 5 slash-delimited elements: keyid/date/region/service/aws4_request.")
    })
}
