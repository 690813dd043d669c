//! Prefix lists: an account's own, and the cloud's, which all accounts see.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::View;
use super::resources::Tagged;
use crate::network::prefix_list::CLOUD;
use crate::store::{Rows, prefix_list, prefix_list_entry};

pub type PrefixListView = Tagged<Arc<prefix_list::Model>>;

impl View for PrefixListView {
    fn one(rows: &Rows, account: &str, id: &str) -> Option<Self> {
        let item = rows.prefix_lists.one(id).filter(|row| row.account_id == account || row.account_id == CLOUD)?;
        Some(Self { item: Arc::clone(item), tags: rows.tags_of(account, id) })
    }

    fn ids<'a>(rows: &'a Rows, account: &'a str, after: Option<&'a str>) -> Box<dyn Iterator<Item = &'a str> + 'a> {
        let seen: BTreeSet<&str> = rows.prefix_lists.of(account, after).chain(rows.prefix_lists.of(CLOUD, after)).collect();
        Box::new(seen.into_iter())
    }

    fn id(&self) -> &str {
        &self.item.prefix_list_id
    }
}

/// One of the cloud's own, with the blocks of its service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceListView {
    pub list: Arc<prefix_list::Model>,
    pub cidrs: Vec<String>,
}

impl View for ServiceListView {
    fn one(rows: &Rows, _: &str, id: &str) -> Option<Self> {
        let list = rows.prefix_lists.one(id).filter(|row| row.account_id == CLOUD)?;
        let cidrs = entries(rows, id, list.version).into_keys().map(str::to_owned).collect();
        Some(Self { list: Arc::clone(list), cidrs })
    }

    fn ids<'a>(rows: &'a Rows, _: &'a str, after: Option<&'a str>) -> Box<dyn Iterator<Item = &'a str> + 'a> {
        Box::new(rows.prefix_lists.of(CLOUD, after))
    }

    fn id(&self) -> &str {
        &self.list.prefix_list_id
    }
}

/// What a version of a list has, by block.
pub fn entries<'a>(rows: &'a Rows, id: &str, version: i64) -> BTreeMap<&'a str, &'a prefix_list_entry::Model> {
    let standing = rows.prefix_list_entries.get(id).iter().filter(|row| row.is_in(version));
    standing.map(|row| (row.cidr.as_str(), row.as_ref())).collect()
}

impl prefix_list_entry::Model {
    pub fn is_in(&self, version: i64) -> bool {
        self.since <= version && self.until.is_none_or(|until| version < until)
    }
}
