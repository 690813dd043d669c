//! The presigned form: the signature stands in the query string, so that an address alone is a permission for a while.

use std::time::Duration;

use super::claim::{self, Claim, Form};
use super::stamp::Stamp;
use super::{ALGORITHM, Refusal};
use crate::form;
use crate::request::Request;

/// AWS's longest: a week.
const LONGEST: u64 = 7 * 24 * 60 * 60;

/// The query parameters that are the signature's own and no action's.
const NAMES: [&str; 7] = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
    "X-Amz-Security-Token",
];

/// Whether a query parameter belongs to the signature.
pub fn is_signature_parameter(name: &str) -> bool {
    NAMES.contains(&name)
}

/// The signature's own parameters, in [`NAMES`]' order.
pub(super) struct Parameters([Option<String>; NAMES.len()]);

impl Parameters {
    /// `None` if the query string carries no signature.
    pub(super) fn read(request: &Request) -> Result<Option<Self>, Refusal> {
        let mut found = [const { None }; NAMES.len()];
        for pair in form::pairs(request.query.as_bytes()) {
            let (name, value) = pair.map_err(|error| Refusal::incomplete(format!("The query string is malformed: {error}.")))?;
            let Some(at) = NAMES.iter().position(|known| known.as_bytes() == name) else { continue };
            let value = String::from_utf8(value).map_err(|_| Refusal::incomplete(format!("{} is not text.", NAMES[at])))?;
            if found[at].replace(value).is_some() {
                return Err(Refusal::incomplete(format!("{} is given twice.", NAMES[at])));
            }
        }
        let signed = found[0].is_some() || found[5].is_some();
        Ok(signed.then_some(Self(found)))
    }

    pub(super) fn claim(self, request: &Request) -> Result<Claim, Refusal> {
        let Self([algorithm, credential, date, expires, signed_headers, signature, session_token]) = self;
        let needed = |value: Option<String>, name: &str| {
            value.ok_or_else(|| Refusal::incomplete(format!("A presigned request needs the query parameter {name}.")))
        };
        if needed(algorithm, NAMES[0])? != ALGORITHM {
            return Err(Refusal::incomplete(format!("X-Amz-Algorithm has to be {ALGORITHM}.")));
        }
        if request.headers.contains_key("x-amz-security-token") {
            return Err(Refusal::incomplete("A presigned request carries its security token in the query string, not in a header."));
        }
        Ok(Claim {
            scope: claim::scope(&needed(credential, NAMES[1])?)?,
            form: Form::Presigned { lifetime: lifetime(&needed(expires, NAMES[3])?)? },
            stamp: Stamp::parse_basic(&needed(date, NAMES[2])?)
                .ok_or_else(|| Refusal::incomplete("X-Amz-Date has to be a UTC date such as 20260102T030405Z."))?,
            signed_headers: claim::signed_headers(&needed(signed_headers, NAMES[4])?)?,
            signature: claim::signature(&needed(signature, NAMES[5])?)?,
            session_token,
        })
    }
}

fn lifetime(text: &str) -> Result<Duration, Refusal> {
    let seconds = text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().ok()).flatten();
    match seconds {
        Some(seconds @ 1..=LONGEST) => Ok(Duration::from_secs(seconds)),
        _ => Err(Refusal::incomplete(format!("X-Amz-Expires has to be a number of seconds from 1 to {LONGEST}."))),
    }
}
