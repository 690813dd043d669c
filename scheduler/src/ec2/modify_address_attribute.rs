//! `ModifyAddressAttribute`: the reverse DNS name of an address.
//!
//! EC2 asks that the name's own A record means the address, so that nobody takes a stranger's name before the whole world. Here a name is said to
//! the guests of the account alone, by the resolvers of its own VPCs, and the scheduler asks no other process anything while it
//! decides: what is checked is that the name can be one.

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};

use super::message::missing;
use super::model::elastic_address::attribute;
use super::resolve::ELASTIC_ADDRESS;
use super::run_instances::invalid;
use crate::engine::Command;
use crate::network::elastic;
use crate::store::{Outcome, Tx, elastic_address};

impl Command for ec2::ModifyAddressAttributeRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidAllocationIdMalformed,
        ErrorCode::InvalidAllocationIdNotFound,
        ErrorCode::InvalidParameterValue,
        ErrorCode::MissingParameter,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::ModifyAddressAttributeResult> {
        if self.allocation_id.is_empty() {
            return Err(missing("allocationId").into());
        }
        let given = self.domain_name.as_deref().filter(|name| !name.is_empty()).ok_or_else(|| missing("domainName"))?;
        let name = domain_name(given)?;
        let row = ELASTIC_ADDRESS.own::<elastic_address::Entity>(tx, &self.allocation_id).await?;
        let row = elastic::call(tx, row, Some(name)).await?;
        Ok(ec2::ModifyAddressAttributeResult { address: Some(attribute(&row)) })
    }
}

/// A name below a top-level domain, with the root's dot, as it is shown.
fn domain_name(given: &str) -> Result<String, Fault> {
    let name = given.strip_suffix('.').unwrap_or(given);
    let is_label = |label: &str| {
        let letters = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        letters && (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
    };
    if name.len() > 253 || !name.contains('.') || !name.split('.').all(is_label) {
        let message =
            format!("Value ({given}) for parameter domainName is invalid. It is a fully qualified domain name, as mail.example.com.");
        return Err(invalid(message));
    }
    Ok(format!("{name}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_labels_and_ends_in_the_root() {
        for given in ["mail.example.com", "mail.example.com.", "1-a.B2"] {
            assert_eq!(domain_name(given).expect("a name"), format!("{}.", given.trim_end_matches('.')));
        }
        let long = format!("{}.com", "a".repeat(64));
        let longer = ["a"; 128].join(".");
        for given in ["mail", ".", "a..b", "-a.com", "a-.com", "a_b.com", "a.com..", "b\u{fc}ro.de", "a b.com", &long, &longer] {
            assert_eq!(domain_name(given).unwrap_err().code, ErrorCode::InvalidParameterValue, "{given}");
        }
    }
}
