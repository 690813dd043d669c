//! `DescribeAccountAttributes`: the attributes that are true of an account here. EC2's numbers (`max-instances`, …) are quotas that this
//! cloud does not have, so they are not answered.

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};

use crate::engine::{Ask, Query};
use crate::store::Outcome;

const SUPPORTED_PLATFORMS: &str = "supported-platforms";
const DEFAULT_VPC: &str = "default-vpc";

impl Query for ec2::DescribeAccountAttributesRequest {
    const ERRORS: &'static [ErrorCode] = &[ErrorCode::InvalidParameterValue];

    async fn answer(self, ask: &Ask) -> Outcome<ec2::DescribeAccountAttributesResult> {
        let known = [SUPPORTED_PLATFORMS, DEFAULT_VPC];
        if let Some(name) = self.attribute_names.iter().find(|name| !known.contains(&name.as_str())) {
            let message = format!("The account attribute name '{name}' is not valid. Use {}.", known.join(" or "));
            return Err(Fault::new(ErrorCode::InvalidParameterValue, message).into());
        }
        // EC2's word where there is none.
        let vpc_id = ask.rows().default_vpc(ask.account()).map_or_else(|| "none".to_owned(), |vpc| vpc.vpc_id.clone());
        let all = [(SUPPORTED_PLATFORMS, "VPC"), (DEFAULT_VPC, &vpc_id)];
        let asked = |name: &str| self.attribute_names.is_empty() || self.attribute_names.iter().any(|asked| asked == name);
        let account_attributes = all.into_iter().filter(|(name, _)| asked(name)).map(attribute).collect();
        Ok(ec2::DescribeAccountAttributesResult { account_attributes })
    }
}

fn attribute((name, value): (&str, &str)) -> ec2::AccountAttribute {
    ec2::AccountAttribute {
        attribute_name: Some(name.to_owned()),
        attribute_values: vec![ec2::AccountAttributeValue { attribute_value: Some(value.to_owned()) }],
    }
}
