//! DHCP option sets.

use std::sync::Arc;

use freehold_proto::Fault;
use freehold_proto::aws::ec2;

use crate::Settings;
use crate::ec2::message;
use crate::ec2::shown::{Shown, Shows, shown};
use crate::filter::Table;
use crate::network::dhcp;
use crate::store::dhcp_options;
use crate::store::read::resources::Tagged;

pub type DhcpOptions = Tagged<Arc<dhcp_options::Model>>;

pub const FILTERS: Table<Shown<DhcpOptions>> = Table {
    names: &[
        ("dhcp-options-id", |options, say| say(&options.item.dhcp_options_id)),
        shown!("key" => dhcp_configurations.key),
        shown!("value" => dhcp_configurations.values.value),
        ("owner-id", |options, say| say(&options.item.account_id)),
    ],
    tags: Some(|options, say| options.tags.iter().for_each(|(key, value)| say(key, value))),
};

impl Shows for DhcpOptions {
    type Message = ec2::DhcpOptions;

    fn message(&self, _: &Settings) -> Result<ec2::DhcpOptions, Fault> {
        let configuration = |given: dhcp::Configuration| ec2::DhcpConfiguration {
            key: Some(given.key),
            values: given.values.into_iter().map(|value| ec2::AttributeValue { value: Some(value) }).collect(),
        };
        Ok(ec2::DhcpOptions {
            dhcp_options_id: Some(self.item.dhcp_options_id.clone()),
            owner_id: Some(self.item.account_id.clone()),
            dhcp_configurations: dhcp::read(&self.item)?.into_iter().map(configuration).collect(),
            tags: message::tags(&self.tags),
        })
    }
}
