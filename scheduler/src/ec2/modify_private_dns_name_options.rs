//! `ModifyPrivateDnsNameOptions`. What is not given stays. A guest takes its name when it boots, so another one is for a stopped instance;
//! whether the name that is made of its id is answered for can change at any time.

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};

use super::chosen_instances;
use super::hostname::{Given, Options};
use crate::engine::Command;
use crate::lifecycle::transition::save_restated;
use crate::network::restate;
use crate::store::{Outcome, Tx};

impl Command for ec2::ModifyPrivateDnsNameOptionsRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::IncorrectInstanceState,
        ErrorCode::InvalidInstanceIdMalformed,
        ErrorCode::InvalidInstanceIdNotFound,
        ErrorCode::InvalidParameterValue,
        ErrorCode::MissingParameter,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::ModifyPrivateDnsNameOptionsResult> {
        let nothing_given = self.private_dns_hostname_type.is_none()
            && self.enable_resource_name_dns_a_record.is_none()
            && self.enable_resource_name_dns_aaaa_record.is_none();
        if nothing_given {
            let message =
                "The request must contain PrivateDnsHostnameType, EnableResourceNameDnsARecord or EnableResourceNameDnsAAAARecord.";
            return Err(Fault::new(ErrorCode::MissingParameter, message).into());
        }
        let mut row = chosen_instances::lasting(tx, &self.instance_id).await?;
        let before = Options::from(&row);
        let options = before.clone().with(Given {
            parameter: "PrivateDnsHostnameType",
            hostname_type: self.private_dns_hostname_type,
            resource_name_dns_a_record: self.enable_resource_name_dns_a_record,
        })?;
        if options.hostname_type != before.hostname_type {
            chosen_instances::stopped(&row)?;
        }
        if options != before {
            options.put_on(&mut row);
            let row = save_restated(tx, row).await?;
            // Every host of the VPC answers for its names.
            restate(tx, &row.vpc_id).await?;
        }
        Ok(ec2::ModifyPrivateDnsNameOptionsResult { r#return: Some(true) })
    }
}
