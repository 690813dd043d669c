//! How an instance is called in its VPC, as a launch and a modification give it: by its address or by its own id.
//!
//! A name that is made of an address always means that address. One that is made of an instance's id does where its A record is on.
//! Source: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-naming.html>.

use freehold_proto::Fault;
use freehold_proto::aws::ec2;

use super::run_instances::invalid;
use crate::Settings;
use crate::network::subnet::{IP_NAME, RESOURCE_NAME};
use crate::store::{instance, subnet};

/// What a request gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// What it calls the type.
    pub parameter: &'static str,
    pub hostname_type: Option<String>,
    pub resource_name_dns_a_record: Option<bool>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    pub hostname_type: String,
    pub resource_name_dns_a_record: bool,
}

/// What is launched in a subnet is called as the subnet says, unless the launch says otherwise.
impl From<&subnet::Model> for Options {
    fn from(row: &subnet::Model) -> Self {
        Self { hostname_type: row.private_dns_hostname_type.clone(), resource_name_dns_a_record: row.enable_resource_name_dns_a_record }
    }
}

impl From<&instance::Model> for Options {
    fn from(row: &instance::Model) -> Self {
        Self { hostname_type: row.hostname_type.clone(), resource_name_dns_a_record: row.resource_name_dns_a_record }
    }
}

impl Options {
    /// With what is given; the rest stays.
    pub fn with(self, given: Given) -> Result<Self, Fault> {
        let hostname_type = given.hostname_type.filter(|word| !word.is_empty()).unwrap_or(self.hostname_type);
        if ![IP_NAME, RESOURCE_NAME].contains(&hostname_type.as_str()) {
            let parameter = given.parameter;
            let message = format!("Value ({hostname_type}) for parameter {parameter} is invalid. Use {IP_NAME} or {RESOURCE_NAME}.");
            return Err(invalid(message));
        }
        let resource_name_dns_a_record = given.resource_name_dns_a_record.unwrap_or(self.resource_name_dns_a_record);
        Ok(Self { hostname_type, resource_name_dns_a_record })
    }

    pub fn put_on(self, row: &mut instance::Model) {
        row.hostname_type = self.hostname_type;
        row.resource_name_dns_a_record = self.resource_name_dns_a_record;
    }
}

/// Whether it is called by its id.
pub fn is_resource_name(row: &instance::Model) -> bool {
    row.hostname_type == RESOURCE_NAME
}

/// What the instance is called in its VPC.
pub fn private_dns_name(row: &instance::Model, settings: &Settings) -> String {
    if is_resource_name(row) { settings.resource_dns_name(&row.instance_id) } else { settings.private_dns_name(&row.private_ip_address) }
}

pub fn shown(row: &instance::Model) -> ec2::PrivateDnsNameOptionsResponse {
    ec2::PrivateDnsNameOptionsResponse {
        hostname_type: Some(row.hostname_type.clone()),
        enable_resource_name_dns_a_record: Some(row.resource_name_dns_a_record),
        enable_resource_name_dns_aaaa_record: Some(false),
    }
}
