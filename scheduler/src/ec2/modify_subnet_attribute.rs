//! `ModifySubnetAttribute`: one attribute of a subnet at a time, as on EC2. It is for instances that are launched from then on.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;
use sea_orm::{ActiveModelTrait, IntoActiveModel};

use super::message::missing;
use super::resolve::SUBNET;
use super::run_instances::{combination, invalid};
use crate::engine::Command;
use crate::network::subnet::{IP_NAME, RESOURCE_NAME};
use crate::store::{Outcome, Tx, subnet};

impl Command for ec2::ModifySubnetAttributeRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
        ErrorCode::InvalidSubnetIdMalformed,
        ErrorCode::InvalidSubnetIdNotFound,
        ErrorCode::MissingParameter,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<()> {
        if self.subnet_id.is_empty() {
            return Err(missing("subnetId").into());
        }
        let mut row = SUBNET.own::<subnet::Entity>(tx, &self.subnet_id).await?;
        match self.attributes() {
            0 => return Err(missing("mapPublicIpOnLaunch or another attribute").into()),
            1 => {}
            _ => return Err(combination("Only one attribute of a subnet can be modified at a time. Send a request for each.").into()),
        }
        if let Some(map) = given(self.map_public_ip_on_launch.as_ref()) {
            row.map_public_ip_on_launch = map;
        }
        if let Some(record) = given(self.enable_resource_name_dns_a_record_on_launch.as_ref()) {
            row.enable_resource_name_dns_a_record = record;
        }
        match self.private_dns_hostname_type_on_launch.as_deref() {
            None => {}
            Some(kind @ (IP_NAME | RESOURCE_NAME)) => kind.clone_into(&mut row.private_dns_hostname_type),
            Some(other) => {
                let message =
                    format!("Value ({other}) for parameter privateDnsHostnameTypeOnLaunch is invalid. Use {IP_NAME} or {RESOURCE_NAME}.");
                return Err(invalid(message).into());
            }
        }
        row.into_active_model().reset_all().update(tx.db()).await?;
        Ok(())
    }
}

fn given(attribute: Option<&ec2::AttributeBooleanValue>) -> Option<bool> {
    attribute.and_then(|given| given.value)
}

trait Attributes {
    /// How many are given, those that can only be false included.
    fn attributes(&self) -> usize;
}

impl Attributes for ec2::ModifySubnetAttributeRequest {
    fn attributes(&self) -> usize {
        let flags = [
            &self.assign_ipv6_address_on_creation,
            &self.enable_dns64,
            &self.enable_resource_name_dns_a_record_on_launch,
            &self.enable_resource_name_dns_aaaa_record_on_launch,
            &self.map_customer_owned_ip_on_launch,
            &self.map_public_ip_on_launch,
        ];
        flags.into_iter().filter(|flag| given(flag.as_ref()).is_some()).count()
            + usize::from(self.private_dns_hostname_type_on_launch.is_some())
    }
}
