//! The host's own row: made by its first Hello, up to date while it attends.

use freehold_proto::Fault;
use freehold_proto::internal::host::Hello;
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};

use super::{Driver, Hosts};
use crate::store::{Kind, Outcome, Store, Tx, host, instance};

/// What no account owns is written on behalf of nobody.
const NOBODY: &str = "";

/// Writes down what the host says of itself.
pub async fn attend(store: &Store, hello: &Hello) -> Outcome<()> {
    let mut tx = store.begin(NOBODY).await?;
    let known = host::Entity::find_by_id(&hello.host_id).one(tx.db()).await?;
    let is_new = known.is_none();
    let row = described(hello, tx.now(), known.map_or_else(|| "[]".into(), |row| row.quarantined))?.into_active_model().reset_all();
    if is_new {
        row.insert(tx.db()).await?
    } else {
        row.update(tx.db()).await?
    };
    count_impairments_anew(&tx, &hello.host_id).await?;
    tx.changed(Kind::Host, hello.host_id.clone());
    tx.commit().await?;
    Ok(())
}

/// What a host could not do before it went away it may be able to do now: the time that it was away is not held against its instances.
async fn count_impairments_anew(tx: &Tx, host_id: &str) -> Outcome<()> {
    instance::Entity::update_many()
        .col_expr(instance::Column::ImpairedSince, Expr::value(tx.now()))
        .filter(instance::Column::HostId.eq(host_id))
        .filter(instance::Column::ImpairedSince.is_not_null())
        .exec(tx.db())
        .await?;
    Ok(())
}

fn described(hello: &Hello, now: i64, quarantined: String) -> Outcome<host::Model> {
    let capacity = hello.capacity.unwrap_or_default();
    let drivers: Vec<Driver> = hello
        .drivers
        .iter()
        .map(|driver| Driver {
            name: driver.name.clone(),
            accelerator: driver.accelerator.clone(),
            architecture: driver.architecture.clone(),
        })
        .collect();
    Ok(host::Model {
        host_id: hello.host_id.clone(),
        hostname: hello.hostname.clone(),
        availability_zone: hello.availability_zone.clone(),
        vcpus: capacity.vcpus.into(),
        memory_mib: i64::try_from(capacity.memory_mib).unwrap_or(i64::MAX),
        disk_mib: i64::try_from(capacity.disk_mib).unwrap_or(i64::MAX),
        drivers: serde_json::to_string(&drivers).map_err(|error| Fault::internal("writing a host's drivers", error))?,
        version: hello.version.clone(),
        connected: true,
        last_seen: now,
        quarantined,
    })
}

/// The host's last session has ended: what it reported is no longer vouched for. Unless it is back already: the registry is asked when
/// it is this transaction's turn to write, after which a newer session's own row can only follow.
pub async fn leave(store: &Store, hosts: &Hosts, host_id: &str) -> Outcome<()> {
    let mut tx = store.begin(NOBODY).await?;
    if hosts.attends(host_id) {
        return Ok(());
    }
    host::Entity::update_many()
        .col_expr(host::Column::Connected, Expr::value(false))
        .col_expr(host::Column::LastSeen, Expr::value(tx.now()))
        .filter(host::Column::HostId.eq(host_id))
        .exec(tx.db())
        .await?;
    tx.changed(Kind::Host, host_id);
    tx.commit().await?;
    Ok(())
}

/// What the host holds and the store does not know.
pub async fn quarantined(store: &Store, host_id: &str, ids: &std::collections::BTreeSet<String>) -> Outcome<()> {
    let mut tx = store.begin(NOBODY).await?;
    let ids = serde_json::to_string(ids).map_err(|error| Fault::internal("writing quarantined ids", error))?;
    host::Entity::update_many()
        .col_expr(host::Column::Quarantined, Expr::value(ids))
        .filter(host::Column::HostId.eq(host_id))
        .exec(tx.db())
        .await?;
    tx.changed(Kind::Host, host_id);
    tx.commit().await?;
    Ok(())
}

/// At a scheduler's start nobody is connected, whatever the rows of the last one say.
pub async fn forget_connections(store: &Store) -> Outcome<()> {
    let tx = store.begin(NOBODY).await?;
    host::Entity::update_many().col_expr(host::Column::Connected, Expr::value(false)).exec(tx.db()).await?;
    tx.commit().await?;
    Ok(())
}
