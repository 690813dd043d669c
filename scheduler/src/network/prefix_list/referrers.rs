//! Who refers to a prefix list, and how much of what each may have the list takes.

use std::collections::{BTreeSet, HashMap};

use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect, QueryTrait};

use crate::lifecycle::terminate::restate_groups;
use crate::network;
use crate::network::route::{MOST_ROUTES, list_of};
use crate::security_group::MAX_RULES_PER_DIRECTION;
use crate::store::read::chosen;
use crate::store::{Outcome, Select, Tx, prefix_list, route, route_table, security_group_rule};

/// How many of those that can not bear a list's size are named.
const NAMED: usize = 10;

/// What counts as one each, but for those that name a list: they count as the list has room for.
pub async fn weight<'a>(tx: &Tx, named: impl Iterator<Item = Option<&'a str>>) -> Outcome<u64> {
    let (mut plain, mut lists) = (0, HashMap::<&str, u64>::new());
    for one in named {
        match one {
            Some(list) => *lists.entry(list).or_default() += 1,
            None => plain += 1,
        }
    }
    if lists.is_empty() {
        return Ok(plain);
    }
    let ids = Select::Ids(lists.keys().map(|id| (*id).to_owned()).collect());
    let rows = chosen(tx.db(), prefix_list::Entity::find(), prefix_list::Column::PrefixListId, &ids).await?;
    let weigh = |row: &prefix_list::Model| lists[row.prefix_list_id.as_str()] * u64::try_from(row.max_entries).unwrap_or_default();
    Ok(plain + rows.iter().map(weigh).sum::<u64>())
}

/// The groups with rules that name the list.
async fn groups(tx: &Tx, list: &str) -> Outcome<BTreeSet<String>> {
    let naming = security_group_rule::Entity::find().filter(security_group_rule::Column::PrefixListId.eq(list));
    Ok(naming.all(tx.db()).await?.into_iter().map(|row| row.group_id).collect())
}

/// The tables with a route to it.
async fn tables(tx: &Tx, list: &str) -> Outcome<Vec<route_table::Model>> {
    let naming = route::Entity::find().select_only().column(route::Column::RouteTableId).filter(route::Column::Destination.eq(list));
    let tables = route_table::Entity::find().filter(route_table::Column::RouteTableId.in_subquery(naming.into_query()));
    Ok(tables.all(tx.db()).await?)
}

/// Something that names the list, if anything does.
pub async fn first(tx: &Tx, list: &str) -> Outcome<Option<String>> {
    let group = groups(tx, list).await?.into_iter().next();
    Ok(match group {
        Some(group) => Some(group),
        None => tables(tx, list).await?.into_iter().next().map(|row| row.route_table_id),
    })
}

/// The list has other entries: hosts are told of all that names it.
pub async fn restate(tx: &mut Tx, list: &str) -> Outcome<()> {
    let groups: Vec<String> = groups(tx, list).await?.into_iter().collect();
    restate_groups(tx, &groups).await?;
    let vpcs: BTreeSet<String> = tables(tx, list).await?.into_iter().map(|row| row.vpc_id).collect();
    for vpc_id in vpcs {
        network::restate(tx, &vpc_id).await?;
    }
    Ok(())
}

/// Refuses a size that what names the list can not bear.
pub async fn check_bearable(tx: &Tx, list: &str) -> Outcome<()> {
    let mut over = Vec::new();
    for group in groups(tx, list).await? {
        if !bears(tx, &group).await? {
            over.push(group);
        }
    }
    for table in tables(tx, list).await? {
        let of_table = route::Column::RouteTableId.eq(&table.route_table_id);
        let routes = route::Entity::find().filter(of_table).all(tx.db()).await?;
        if weight(tx, routes.iter().map(|row| list_of(&row.destination))).await? > MOST_ROUTES {
            over.push(table.route_table_id);
        }
    }
    if over.is_empty() {
        return Ok(());
    }
    over.truncate(NAMED);
    let message = format!("These resources cannot support the new maximum size of the prefix list '{list}': {}", over.join(", "));
    Err(Fault::new(ErrorCode::ResourceLimitExceeded, message).into())
}

async fn bears(tx: &Tx, group: &str) -> Outcome<bool> {
    let rules = security_group_rule::Entity::find().filter(security_group_rule::Column::GroupId.eq(group)).all(tx.db()).await?;
    for egress in [false, true] {
        let of_direction = rules.iter().filter(|rule| rule.is_egress == egress);
        if weight(tx, of_direction.map(|rule| rule.prefix_list_id.as_deref())).await? > MAX_RULES_PER_DIRECTION {
            return Ok(false);
        }
    }
    Ok(true)
}
