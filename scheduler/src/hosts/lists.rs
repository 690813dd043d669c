//! Prefix lists as hosts have them: hosts know blocks only.

use std::collections::{BTreeSet, HashMap};

use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter};

use crate::store::read::chosen;
use crate::store::{Select, prefix_list_entry};

/// The blocks of some lists, as they are now.
pub struct Blocks(HashMap<String, BTreeSet<String>>);

impl Blocks {
    pub async fn of(db: &impl ConnectionTrait, lists: impl Iterator<Item = String>) -> Result<Self, DbErr> {
        use prefix_list_entry::{Column, Entity};
        let lists: BTreeSet<String> = lists.collect();
        let mut blocks: HashMap<String, BTreeSet<String>> = HashMap::new();
        if !lists.is_empty() {
            let current = Entity::find().filter(Column::Until.is_null());
            for row in chosen(db, current, Column::PrefixListId, &Select::Ids(lists.into_iter().collect())).await? {
                blocks.entry(row.prefix_list_id).or_default().insert(row.cidr);
            }
        }
        Ok(Self(blocks))
    }

    /// In the same order always.
    pub fn get(&self, list: &str) -> impl Iterator<Item = &String> {
        self.0.get(list).into_iter().flatten()
    }
}
