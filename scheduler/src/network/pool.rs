//! The pools that public addresses are drawn from: the configured one, and those that the operator adds. A closed one gives out nothing more,
//! and what it gave stays where it is.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use freehold_proto::{ErrorCode, Fault};
use ipnet::Ipv4Net;
use sea_orm::{ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, ModelTrait, QueryFilter, Set};

use super::cidr;
use crate::Settings;
use crate::store::{Failure, Outcome, Tx, address_pool, elastic_address, public_address};

/// The largest block that can be a pool, and the smallest.
const WIDEST: u8 = 8;
const NARROWEST: u8 = 30;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    pub block: Ipv4Net,
    /// It is `scheduler.public_addresses`.
    pub configured: bool,
    pub closed: bool,
    /// Its addresses leave a host under the host's own. Of the configured one each host's configuration says that.
    pub translated: bool,
}

/// All there are, the configured one first.
pub async fn all(db: &impl ConnectionTrait, settings: &Settings) -> Outcome<Vec<Pool>> {
    let configured = settings.public_addresses;
    let rows = address_pool::Entity::find().all(db).await?;
    let mut pools = rows
        .into_iter()
        .map(|row| {
            let block = cidr::stored(&row.cidr_block)?;
            Ok(Pool { block, configured: block == configured, closed: row.closed, translated: row.translated })
        })
        .collect::<Result<Vec<_>, Fault>>()?;
    if !pools.iter().any(|pool| pool.configured) {
        pools.push(Pool { block: configured, configured: true, closed: false, translated: false });
    }
    pools.sort_by_key(|pool| (!pool.configured, pool.block));
    Ok(pools)
}

/// Those that addresses may be drawn from.
pub async fn open(tx: &Tx) -> Outcome<Vec<Ipv4Net>> {
    Ok(all(tx.db(), tx.settings()).await?.into_iter().filter(|pool| !pool.closed).map(|pool| pool.block).collect())
}

/// The blocks of which hosts are told that nobody beyond them knows them.
pub async fn translated(db: &impl ConnectionTrait) -> Result<BTreeSet<String>, DbErr> {
    let rows = address_pool::Entity::find().filter(address_pool::Column::Translated.eq(true)).all(db).await?;
    Ok(rows.into_iter().map(|row| row.cidr_block).collect())
}

/// The addresses that somebody has, for now or to keep.
pub async fn taken(db: &impl ConnectionTrait) -> Outcome<BTreeSet<Ipv4Addr>> {
    let used = public_address::Entity::find().all(db).await?.into_iter().map(|row| row.address);
    let kept = elastic_address::Entity::find().all(db).await?.into_iter().map(|row| row.address);
    let read = |text: String| text.parse().map_err(|error| Fault::internal("a stored address is unreadable", error));
    Ok(used.chain(kept).map(read).collect::<Result<_, _>>()?)
}

/// Adds a pool.
pub async fn add(tx: &Tx, text: &str, translated: bool) -> Outcome<Ipv4Net> {
    let block = read(text)?;
    if !(WIDEST..=NARROWEST).contains(&block.prefix_len()) {
        return Err(refuse(format!("{block} can be no pool: it is to have between /{WIDEST} and /{NARROWEST}.")));
    }
    let unusable = |block: &Ipv4Net| {
        let (first, last) = (block.network(), block.broadcast());
        [first, last]
            .iter()
            .any(|end| end.is_loopback() || end.is_link_local() || end.is_multicast() || end.is_unspecified() || end.octets()[0] >= 240)
    };
    if unusable(&block) {
        return Err(refuse(format!("{block} can be no pool: its addresses are no host's (loopback, link-local, multicast or reserved).")));
    }
    if let Some(other) = all(tx.db(), tx.settings()).await?.iter().find(|pool| cidr::overlap(&pool.block, &block)) {
        return Err(refuse(format!("{block} overlaps with the pool {}.", other.block)));
    }
    let row = address_pool::Model { cidr_block: block.to_string(), closed: false, translated, created: tx.now() };
    row.into_active_model().insert(tx.db()).await?;
    Ok(block)
}

/// Closes a pool, or opens it again.
pub async fn set_closed(tx: &Tx, text: &str, closed: bool) -> Outcome<Ipv4Net> {
    let pool = find(tx, text).await?;
    let known = address_pool::Entity::find_by_id(pool.block.to_string()).one(tx.db()).await?;
    if let Some(row) = known {
        let mut row = row.into_active_model();
        row.closed = Set(closed);
        row.update(tx.db()).await?;
    } else {
        // The configured one has a row from the first time on that it is closed.
        let row = address_pool::Model { cidr_block: pool.block.to_string(), closed, translated: false, created: tx.now() };
        row.into_active_model().insert(tx.db()).await?;
    }
    Ok(pool.block)
}

/// Takes a pool away of which nobody has an address.
pub async fn remove(tx: &Tx, text: &str) -> Outcome<Ipv4Net> {
    let pool = find(tx, text).await?;
    if pool.configured {
        let message = format!("{} is scheduler.public_addresses of the configuration. Close it, or change it there.", pool.block);
        return Err(refuse(message));
    }
    let used: Vec<Ipv4Addr> = taken(tx.db()).await?.into_iter().filter(|address| pool.block.contains(address)).collect();
    if let Some(first) = used.first() {
        let count = used.len();
        let message = format!(
            "{count} addresses of {} are in use or kept, {first} among them. Close the pool, and remove it when they are given back.",
            pool.block
        );
        return Err(refuse(message));
    }
    if let Some(row) = address_pool::Entity::find_by_id(pool.block.to_string()).one(tx.db()).await? {
        row.delete(tx.db()).await?;
    }
    Ok(pool.block)
}

async fn find(tx: &Tx, text: &str) -> Outcome<Pool> {
    let block = read(text)?;
    let found = all(tx.db(), tx.settings()).await?.into_iter().find(|pool| pool.block == block);
    found.ok_or_else(|| refuse(format!("There is no pool {block}. `freehold net pool ls` lists them.")))
}

fn read(text: &str) -> Result<Ipv4Net, Failure> {
    let block: Ipv4Net = text.parse().map_err(|_| refuse(format!("{text:?} is no block of IPv4 addresses, such as 203.0.113.0/24.")))?;
    if block.trunc() != block {
        return Err(refuse(format!("{block} is no whole block: {} is.", block.trunc())));
    }
    Ok(block)
}

fn refuse(message: String) -> Failure {
    Failure::refuse(ErrorCode::InvalidParameterValue, message)
}
