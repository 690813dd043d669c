//! The credential scope: which key signs for which day, region and service.

/// `AKID/20260102/us-east-1/ec2/aws4_request`, taken apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scope {
    pub access_key_id: String,
    /// yyyymmdd
    pub date: String,
    pub region: String,
    /// The signing name: `ec2`, `sts`, `s3`.
    pub service: String,
}

impl Scope {
    /// `None` if it is not five parts of the characters and lengths that AWS uses. The bounds also bound what is asked of the scheduler.
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('/').collect();
        let [access_key_id, date, region, service, "aws4_request"] = parts.as_slice() else { return None };
        let word = |text: &str, most: usize| {
            (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        let well_formed = word(access_key_id, 128)
            && date.len() == 8
            && date.bytes().all(|byte| byte.is_ascii_digit())
            && word(region, 64)
            && word(service, 64);
        well_formed.then(|| Self {
            access_key_id: (*access_key_id).to_owned(),
            date: (*date).to_owned(),
            region: (*region).to_owned(),
            service: (*service).to_owned(),
        })
    }

    /// The scope as it stands in the string to sign.
    pub fn credential_scope(&self) -> String {
        format!("{}/{}/{}/aws4_request", self.date, self.region, self.service)
    }

    /// S3 signs its paths encoded once and as they are; all others encode twice and normalise.
    pub fn is_s3(&self) -> bool {
        matches!(self.service.as_str(), "s3" | "s3express")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_has_exactly_five_well_formed_parts() {
        assert!(Scope::parse("AKIDEXAMPLE/20260102/us-east-1/ec2/aws4_request").is_some());
        for text in [
            "",
            "AKID",
            "AKID/20260102/us-east-1/ec2",
            "AKID/20260102/us-east-1/ec2/aws4_request/x",
            "AKID/2026010/us-east-1/ec2/aws4_request",
            "AKID/20260102//ec2/aws4_request",
            "/20260102/us-east-1/ec2/aws4_request",
            "AKID/20260102/us east/ec2/aws4_request",
            "AKID/20260102/us-east-1/ec2/aws4a_request",
        ] {
            assert_eq!(Scope::parse(text), None, "{text}");
        }
    }
}
