//! Signature Version 4: who signed a request, and whether these are the bytes that were signed.
//!
//! ```text
//! Request ─▶ Claim::read ─▶ Claim::admit ─▶ (day key, from the scheduler) ─▶ Claim::verify
//!            what it says   time and scope                                   what is true
//! ```
//!
//! Owns both forms, header and presigned. Knows no secret: the day key it is given signs for one day, one region and one service only.
//! Nothing of a [`Claim`] may be believed before [`Claim::verify`] has passed; until then it serves to pick a key and a format for errors.
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>.

mod canonical;
mod claim;
mod header;
mod key;
#[cfg(test)]
mod oracle;
mod presigned;
mod refusal;
mod scope;
#[cfg(test)]
pub mod signer;
mod stamp;

pub use claim::{Claim, Form};
pub use key::DayKey;
pub use presigned::is_signature_parameter;
pub use refusal::Refusal;
pub use scope::Scope;

/// The only algorithm spoken.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The signing name that a request claims, however broken the rest of its signature: errors are told in that service's format.
pub fn claimed_service(request: &crate::request::Request) -> Option<String> {
    let header = request.headers.get(http::header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let credential = match header {
        Some(header) => header.split(['=', ',', ' ']).skip_while(|part| *part != "Credential").nth(1).map(str::to_owned),
        None => crate::form::text_pairs(request.query.as_bytes())
            .filter_map(Result::ok)
            .find_map(|(name, value)| (name == "X-Amz-Credential").then_some(value)),
    };
    credential?.split('/').nth(3).map(str::to_owned)
}
