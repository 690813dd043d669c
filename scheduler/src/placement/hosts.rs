//! The hosts as rows, with what their instances take.

use std::collections::BTreeMap;

use freehold_proto::Fault;
use sea_orm::{ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryOrder, Statement};

use super::{Amount, Host};
use crate::store::{Outcome, host};

/// A stopped instance holds its disk alone, and a disk that outlived its instance is held all the same. The sums are cast, since PostgreSQL sums BIGINT to NUMERIC.
const COMPUTE: &str = "
SELECT host_id,
    CAST(COUNT(*) AS BIGINT) AS instances,
    CAST(SUM(CASE WHEN state = 'stopped' THEN 0 ELSE vcpus END) AS BIGINT) AS vcpus,
    CAST(SUM(CASE WHEN state = 'stopped' THEN 0 ELSE memory_mib END) AS BIGINT) AS memory_mib
FROM instance WHERE host_id IS NOT NULL AND state <> 'terminated' GROUP BY host_id";

const DISK: &str = "
SELECT host_id, CAST(SUM(size_gib * 1024) AS BIGINT) AS disk_mib FROM volume WHERE host_id IS NOT NULL GROUP BY host_id";

#[derive(FromQueryResult)]
struct Compute {
    host_id: String,
    instances: i64,
    vcpus: i64,
    memory_mib: i64,
}

#[derive(FromQueryResult)]
struct Disk {
    host_id: String,
    disk_mib: i64,
}

/// Every host, by id.
pub async fn load(db: &impl ConnectionTrait) -> Outcome<Vec<Host>> {
    let compute: BTreeMap<_, _> = all::<Compute>(db, COMPUTE).await?.into_iter().map(|row| (row.host_id.clone(), row)).collect();
    let disk: BTreeMap<_, _> = all::<Disk>(db, DISK).await?.into_iter().map(|row| (row.host_id, row.disk_mib)).collect();
    let rows = host::Entity::find().order_by_asc(host::Column::HostId).all(db).await?;
    rows.into_iter().map(|row| seen(compute.get(&row.host_id), disk.get(&row.host_id).copied().unwrap_or_default(), row)).collect()
}

fn seen(compute: Option<&Compute>, disk_mib: i64, row: host::Model) -> Outcome<Host> {
    Ok(Host {
        drivers: serde_json::from_str(&row.drivers).map_err(|error| Fault::internal("a host's drivers are unreadable", error))?,
        capacity: Amount { vcpus: row.vcpus, memory_mib: row.memory_mib, disk_mib: row.disk_mib },
        used: Amount {
            vcpus: compute.map_or(0, |compute| compute.vcpus),
            memory_mib: compute.map_or(0, |compute| compute.memory_mib),
            disk_mib,
        },
        instances: compute.map_or(0, |compute| compute.instances),
        host_id: row.host_id,
        availability_zone: row.availability_zone,
        connected: row.connected,
    })
}

async fn all<R: FromQueryResult>(db: &impl ConnectionTrait, sql: &str) -> Result<Vec<R>, DbErr> {
    R::find_by_statement(Statement::from_string(db.get_database_backend(), sql)).all(db).await
}
