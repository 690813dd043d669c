//! Prefix lists as hosts have them: hosts know blocks only.

use std::collections::{BTreeSet, HashMap, HashSet};

use freehold_proto::internal::host::RouteDesired;
use ipnet::Ipv4Net;
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter};

use crate::network::route::KEPT;
use crate::store::read::chosen;
use crate::store::{Select, prefix_list_entry, vpc, vpc_cidr_block};

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

    /// Those of a list to which a route of the list leads, in a VPC with the blocks `own` and a table that has the routes `there`: neither
    /// what has a route already nor what is the VPC's own or a host's own link.
    /// Source: <https://docs.aws.amazon.com/vpc/latest/userguide/route-tables-priority.html>.
    pub fn routed(&self, list: &str, own: &[Ipv4Net], there: &[RouteDesired]) -> Vec<String> {
        let is_own = |text: &str| {
            let parsed: Result<Ipv4Net, _> = text.parse();
            parsed.is_ok_and(|block| KEPT.contains(&block) || own.iter().any(|own| own.contains(&block)))
        };
        let taken: HashSet<&str> = there.iter().map(|route| route.cidr_block.as_str()).collect();
        self.get(list).filter(|block| !taken.contains(block.as_str()) && !is_own(block)).cloned().collect()
    }

    /// In the same order always.
    pub fn get(&self, list: &str) -> impl Iterator<Item = &String> {
        self.0.get(list).into_iter().flatten()
    }
}

/// A VPC's blocks.
pub async fn own_blocks(db: &impl ConnectionTrait, vpc_id: &str) -> Result<Vec<Ipv4Net>, DbErr> {
    let first = vpc::Entity::find_by_id(vpc_id).one(db).await?.map(|row| row.cidr_block);
    let others = vpc_cidr_block::Entity::find().filter(vpc_cidr_block::Column::VpcId.eq(vpc_id)).all(db).await?;
    Ok(first.into_iter().chain(others.into_iter().map(|row| row.cidr_block)).filter_map(|block| block.parse().ok()).collect())
}
