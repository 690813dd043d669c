//! SigV4's signing key: an HMAC chain from the secret over date, region, service.
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>.

use freehold_proto::{ErrorCode, Fault};
use ring::hmac;

/// What a day key is good for.
pub struct Scope<'a> {
    /// `yyyymmdd`
    pub date: &'a str,
    pub region: &'a str,
    pub service: &'a str,
}

impl Scope<'_> {
    /// The gateway has checked the scope against its own clock and region; this keeps nonsense out of the chain.
    pub fn check(&self) -> Result<(), Fault> {
        let word = |text: &str| !text.is_empty() && text.len() <= 64 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if self.date.len() == 8 && self.date.bytes().all(|b| b.is_ascii_digit()) && word(self.region) && word(self.service) {
            return Ok(());
        }
        Err(Fault::new(ErrorCode::IncompleteSignature, "The credential scope must be yyyymmdd, region and service."))
    }
}

pub fn derive(secret: &str, scope: &Scope<'_>) -> Vec<u8> {
    let step = |key: &[u8], text: &str| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec();
    [scope.date, scope.region, scope.service, "aws4_request"]
        .iter()
        .fold(format!("AWS4{secret}").into_bytes(), |key, text| step(&key, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// AWS's own published example.
    #[test]
    fn the_chain_gives_aws_s_example() {
        let scope = Scope { date: "20120215", region: "us-east-1", service: "iam" };
        let key = derive("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", &scope);
        let expected = 0xf478_0e2d_9f65_fa89_5f9c_67b3_2ce1_baf0_u128.to_be_bytes();
        assert_eq!((&key[..16], key.len()), (&expected[..], 32));
    }

    #[test]
    fn a_scope_that_is_none_is_refused() {
        for (date, region, service) in [("2012021", "r", "s"), ("2012021x", "r", "s"), ("20120215", "", "s"), ("20120215", "r", "a/b")] {
            assert!(Scope { date, region, service }.check().is_err());
        }
    }
}
