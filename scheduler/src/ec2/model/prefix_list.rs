//! Prefix lists.

use freehold_proto::Fault;
use freehold_proto::aws::ec2;

use crate::Settings;
use crate::ec2::message;
use crate::ec2::shown::{Shown, Shows, shown};
use crate::filter::Table;
use crate::network::prefix_list::CLOUD;
use crate::store::read::prefix_lists::{PrefixListView, ServiceListView};

pub const FILTERS: Table<Shown<PrefixListView>> = Table {
    names: &[
        ("owner-id", |view, say| say(&view.item.account_id)),
        ("prefix-list-id", |view, say| say(&view.item.prefix_list_id)),
        ("prefix-list-name", |view, say| say(&view.item.prefix_list_name)),
    ],
    tags: Some(|view, say| view.tags.iter().for_each(|(key, value)| say(key, value))),
};

pub const SERVICE_FILTERS: Table<Shown<ServiceListView>> =
    Table { names: &[shown!("prefix-list-id" => prefix_list_id), shown!("prefix-list-name" => prefix_list_name)], tags: None };

pub const ADDRESS_FAMILY: &str = "IPv4";

impl Shows for PrefixListView {
    type Message = ec2::ManagedPrefixList;

    /// The cloud's own lists show neither a size nor a version, as AWS's do not.
    fn message(&self, settings: &Settings) -> Result<ec2::ManagedPrefixList, Fault> {
        let row = &self.item;
        let is_own = row.account_id != CLOUD;
        let owner = if is_own { row.account_id.clone() } else { CLOUD.to_ascii_lowercase() };
        Ok(ec2::ManagedPrefixList {
            prefix_list_id: Some(row.prefix_list_id.clone()),
            address_family: Some(ADDRESS_FAMILY.into()),
            state: Some(row.state.clone()),
            prefix_list_arn: Some(format!("arn:aws:ec2:{}:{owner}:prefix-list/{}", settings.region, row.prefix_list_id)),
            prefix_list_name: Some(row.prefix_list_name.clone()),
            max_entries: is_own.then_some(row.max_entries),
            version: is_own.then_some(row.version),
            owner_id: Some(row.account_id.clone()),
            tags: message::tags(&self.tags),
            ..ec2::ManagedPrefixList::default()
        })
    }
}

impl Shows for ServiceListView {
    type Message = ec2::PrefixList;

    fn message(&self, _: &Settings) -> Result<ec2::PrefixList, Fault> {
        Ok(ec2::PrefixList {
            cidrs: self.cidrs.clone(),
            prefix_list_id: Some(self.list.prefix_list_id.clone()),
            prefix_list_name: Some(self.list.prefix_list_name.clone()),
        })
    }
}
