//! The host's own row: made by its first Hello, up to date while it attends.

use std::collections::BTreeSet;
use std::sync::Arc;

use freehold_proto::internal::host::Hello;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};
use tonic::Status;

use super::{Driver, Hosts, Seat};
use crate::filter::Pattern;
use crate::instance_type::Catalogue;
use crate::parts;
use crate::store::{Failure, Kind, Outcome, Store, Tx, fenced_host, host, instance};

/// What no account owns is written on behalf of nobody.
const NOBODY: &str = "";

/// How often a host that is not let in has the hour of its knock written down.
const KNOCK_MILLIS: i64 = 60 * 1000;

/// Lets in whom the operator has not given up as lost.
pub async fn admit(store: &Store, host_id: &str) -> Result<(), Status> {
    let refused = turned_away(store, host_id).await.map_err(Fault::from)?;
    refused.map_or(Ok(()), |sentence| Err(Status::permission_denied(sentence)))
}

/// Why the host is not let in, if it is not.
async fn turned_away(store: &Store, host_id: &str) -> Outcome<Option<String>> {
    let Some(fenced) = fenced_host::Entity::find_by_id(host_id).one(store.reader()).await? else { return Ok(None) };
    let now = store.clock().now_millis();
    if fenced.knocked.is_none_or(|knocked| now - knocked >= KNOCK_MILLIS) {
        let tx = store.begin(NOBODY).await?;
        fenced_host::Entity::update_many()
            .col_expr(fenced_host::Column::Knocked, Expr::value(tx.now()))
            .filter(fenced_host::Column::HostId.eq(host_id))
            .exec(tx.db())
            .await?;
        tx.commit().await?;
        tracing::warn!(host = host_id, hostname = fenced.hostname, "a host that was given up as lost is back and is not let in");
    }
    Ok(Some(sentence(&fenced)))
}

fn sentence(fenced: &fenced_host::Model) -> String {
    format!(
        "the host {} ({}) was given up as lost and its instances have been terminated, so it is not let in; what still runs on it is left alone. \
         To use the machine again, end its guests there with `freehold down --guests`, remove its agent's state folder, and start the agent, \
         which is then a new host",
        fenced.host_id, fenced.hostname
    )
}

/// What a host that is no part any more is told.
pub fn removed(host_id: &str) -> String {
    format!("host {host_id} has been removed from this cluster; it may join again with a token")
}

/// Writes down what the host says of itself. One that comes `over_tls` must be a part still, now that nobody can remove it meanwhile.
pub async fn attend(store: &Store, hosts: &Hosts, hello: &Hello, over_tls: bool) -> Outcome<()> {
    let mut tx = store.begin(NOBODY).await?;
    if over_tls && !parts::has_joined(tx.db(), freehold_link::identity::Kind::Host, &hello.host_id).await? {
        return Err(Failure::refuse(ErrorCode::IncorrectState, removed(&hello.host_id)));
    }
    if let Some(fenced) = fenced_host::Entity::find_by_id(&hello.host_id).one(tx.db()).await? {
        return Err(Failure::refuse(ErrorCode::IncorrectState, sentence(&fenced)));
    }
    let known = host::Entity::find_by_id(&hello.host_id).one(tx.db()).await?;
    let here = |row: host::Model| host::Model { connected: true, attended_by: Some(hosts.scheduler_id().to_owned()), ..row };
    match known {
        Some(known) => here(described(hello, &tx, known)?).into_active_model().reset_all().update(tx.db()).await?,
        None => here(described(hello, &tx, unknown())?).into_active_model().insert(tx.db()).await?,
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

/// The row of a host that comes for the first time, but for what it says of itself.
fn unknown() -> host::Model {
    host::Model {
        host_id: String::new(),
        hostname: String::new(),
        availability_zone: String::new(),
        vcpus: 0,
        memory_mib: 0,
        disk_mib: 0,
        drivers: "[]".into(),
        version: String::new(),
        connected: false,
        attended_by: None,
        last_seen: 0,
        quarantined: "[]".into(),
        drained_since: None,
        instances: 0,
        vcpus_used: 0,
        memory_mib_used: 0,
        disk_mib_used: 0,
        instance_types: None,
        tunnel_address: String::new(),
    }
}

/// `known` with what the host says of itself now. What its instances take and whether it is drained is not for it to say.
fn described(hello: &Hello, tx: &Tx, known: host::Model) -> Outcome<host::Model> {
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
        last_seen: tx.now(),
        instance_types: offered(hello, &tx.settings().catalogue)?,
        tunnel_address: hello.tunnel_address.clone(),
        ..known
    })
}

/// The types of the catalogue that the host was configured to offer, written out: what is asked of a host is then one name. None: it was not.
fn offered(hello: &Hello, catalogue: &Catalogue) -> Outcome<Option<String>> {
    if hello.instance_types.is_empty() {
        return Ok(None);
    }
    let mut names = BTreeSet::new();
    for text in &hello.instance_types {
        let pattern = Pattern::compile(text);
        let before = names.len();
        names.extend(catalogue.iter().map(|kind| kind.name.as_str()).filter(|name| pattern.matches(name)));
        if names.len() == before {
            tracing::warn!(host = hello.host_id, pattern = text, "of what the host is to offer, this adds no instance type");
        }
    }
    Ok(Some(serde_json::to_string(&names).map_err(|error| Fault::internal("writing a host's instance types", error))?))
}

/// The host's last session has ended: what it reported is no longer vouched for. Unless it is back already: the registry is asked when
/// it is this transaction's turn to write, after which a newer session's own row can only follow. False: it attends, here or elsewhere.
pub async fn leave(store: &Store, hosts: &Hosts, host_id: &str) -> Outcome<bool> {
    let mut tx = store.begin(NOBODY).await?;
    if hosts.attends(host_id) {
        return Ok(false);
    }
    let left = host::Entity::update_many()
        .col_expr(host::Column::Connected, Expr::value(false))
        .col_expr(host::Column::AttendedBy, Expr::value(None::<String>))
        .col_expr(host::Column::LastSeen, Expr::value(tx.now()))
        .filter(host::Column::HostId.eq(host_id))
        .filter(host::Column::AttendedBy.eq(hosts.scheduler_id()))
        .exec(tx.db())
        .await?;
    tx.changed(Kind::Host, host_id);
    tx.commit().await?;
    Ok(left.rows_affected > 0)
}

/// Hosts whose rows say that they attend this scheduler, and that do not: their going could not be written down when they went.
pub async fn write_down_who_left(store: &Store, hosts: &Hosts) -> Outcome<()> {
    let own = Some(hosts.scheduler_id());
    let gone = |row: &&Arc<host::Model>| row.attended_by.as_deref() == own && !hosts.attends(&row.host_id);
    let gone: Vec<String> = store.world().rows().hosts.values().filter(gone).map(|row| row.host_id.clone()).collect();
    for host_id in gone {
        leave(store, hosts, &host_id).await?;
    }
    Ok(())
}

/// What the host holds and the store does not know.
pub async fn quarantined(store: &Store, seat: &Seat, ids: &BTreeSet<String>) -> Outcome<()> {
    let host_id = seat.host_id();
    let mut tx = store.begin(NOBODY).await?;
    if !seat.is_held(&tx).await? {
        return Ok(());
    }
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
