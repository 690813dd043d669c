//! The pools of public addresses, as the operator keeps them.

use freehold_proto::internal::operator as proto;
use ipnet::Ipv4Net;

use crate::network::pool;
use crate::store::{Outcome, Store};

/// The configured one first.
pub async fn list(store: &Store) -> Outcome<Vec<proto::AddressPool>> {
    let db = store.reader();
    let taken = pool::taken(db).await?;
    let shown = |one: pool::Pool| proto::AddressPool {
        cidr_block: one.block.to_string(),
        configured: one.configured,
        closed: one.closed,
        translated: one.translated,
        // Neither the network's own address nor the last one is given out.
        addresses: (1_u64 << (32 - one.block.prefix_len())) - 2,
        taken: taken.iter().filter(|address| one.block.contains(*address)).count() as u64,
    };
    Ok(pool::all(db, store.settings()).await?.into_iter().map(shown).collect())
}

pub async fn add(store: &Store, request: &proto::AddAddressPoolRequest) -> Outcome<proto::AddressPool> {
    let tx = store.begin("").await?;
    let block = pool::add(&tx, &request.cidr_block, request.translated).await?;
    tx.commit().await?;
    one(store, block).await
}

pub async fn close(store: &Store, request: &proto::CloseAddressPoolRequest) -> Outcome<proto::AddressPool> {
    let tx = store.begin("").await?;
    let block = pool::set_closed(&tx, &request.cidr_block, !request.reopen).await?;
    tx.commit().await?;
    one(store, block).await
}

pub async fn remove(store: &Store, cidr_block: &str) -> Outcome<()> {
    let tx = store.begin("").await?;
    pool::remove(&tx, cidr_block).await?;
    Ok(tx.commit().await?)
}

async fn one(store: &Store, block: Ipv4Net) -> Outcome<proto::AddressPool> {
    let found = list(store).await?.into_iter().find(|pool| pool.cidr_block == block.to_string());
    Ok(found.unwrap_or_default())
}

#[cfg(test)]
mod tests;
