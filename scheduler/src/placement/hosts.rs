//! The hosts as placement sees them. What they hold is in their own rows (migration 8 keeps it there), so nothing is summed; and of
//! many hosts only the best are read, in the order in which they would be chosen.

use freehold_proto::Fault;
use sea_orm::{ConnectionTrait, EntityTrait, FromQueryResult, QueryOrder, Statement};

use super::{Amount, Host, Request};
use crate::Overcommit;
use crate::hosts::Driver;
use crate::store::{Outcome, Select, host, read};

/// Up to so many hosts all are looked at, and each that was not chosen is remembered with its reason.
pub const FEW: u64 = 32;

/// `host.quarantined` of a host that keeps no unknown guest.
const NOTHING: &str = "[]";

#[derive(FromQueryResult)]
struct Count {
    hosts: i64,
}

/// Every host, by id.
pub async fn load(db: &impl ConnectionTrait) -> Outcome<Vec<Host>> {
    let rows = host::Entity::find().order_by_asc(host::Column::HostId).all(db).await?;
    Ok(rows.into_iter().map(Host::try_from).collect::<Result<_, _>>()?)
}

/// One host.
pub async fn one(db: &impl ConnectionTrait, host_id: &str) -> Outcome<Option<Host>> {
    Ok(host::Entity::find_by_id(host_id).one(db).await?.map(Host::try_from).transpose()?)
}

/// Some hosts, of which those that are gone are not among the answers.
pub async fn some(db: &impl ConnectionTrait, ids: impl IntoIterator<Item = &str>) -> Outcome<Vec<Host>> {
    let select = Select::Ids(ids.into_iter().map(str::to_owned).collect());
    let rows = read::chosen(db, host::Entity::find(), host::Column::HostId, &select).await?;
    Ok(rows.into_iter().map(Host::try_from).collect::<Result<_, _>>()?)
}

/// All hosts, unless there are many.
pub async fn few(db: &impl ConnectionTrait) -> Outcome<Option<Vec<Host>>> {
    let sql = format!("SELECT COUNT(*) AS hosts FROM (SELECT 1 AS one FROM host LIMIT {}) AS few", FEW + 1);
    let count = Count::find_by_statement(Statement::from_string(db.get_database_backend(), sql)).one(db).await?;
    let many = count.and_then(|count| u64::try_from(count.hosts).ok()).is_some_and(|count| count > FEW);
    if many { Ok(None) } else { Ok(Some(load(db).await?)) }
}

/// The best hosts for up to `count` instances, enough to decide as if all were here.
pub async fn best(db: &impl ConnectionTrait, request: &Request<'_>, overcommit: Overcommit, count: usize) -> Outcome<Vec<Host>> {
    let rows = host::Model::find_by_statement(statement(db, request, overcommit, count)?).all(db).await?;
    Ok(rows.into_iter().map(Host::try_from).collect::<Result<_, _>>()?)
}

/// The `count` best of the hosts that could take one. As many of the best as there are instances are enough: each that is placed makes
/// one of them worse, and no other better. Sums are compared to the promise unrounded, which for whole numbers is the same.
const BEST: &str = "
SELECT * FROM host
WHERE connected AND drained_since IS NULL AND quarantined = '[]' AND availability_zone = $1 AND drivers LIKE $2
    AND (instance_types IS NULL OR instance_types LIKE $10)
    AND vcpus_used + $3 <= vcpus * $4 AND memory_mib_used + $5 <= memory_mib * $6 AND disk_mib_used + $7 <= disk_mib * $8
ORDER BY instances, (memory_mib_used - memory_mib), host_id LIMIT $9";

fn statement(db: &impl ConnectionTrait, request: &Request<'_>, overcommit: Overcommit, count: usize) -> Outcome<Statement> {
    let Amount { vcpus, memory_mib, disk_mib } = request.amount;
    let values = vec![
        request.availability_zone.into(),
        driving(request)?.into(),
        vcpus.into(),
        overcommit.vcpus.into(),
        memory_mib.into(),
        overcommit.memory.into(),
        disk_mib.into(),
        overcommit.disk.into(),
        i64::try_from(count).unwrap_or(i64::MAX).into(),
        offering(request)?.into(),
    ];
    Ok(Statement::from_sql_and_values(db.get_database_backend(), BEST, values))
}

/// The pattern of drivers for the architecture.
fn driving(request: &Request<'_>) -> Result<String, Fault> {
    Ok(format!("%\"architecture\":{}%", quoted(request.architecture)?))
}

/// The pattern of offers with the type. A name has no character that is more than itself in a pattern.
fn offering(request: &Request<'_>) -> Result<String, Fault> {
    Ok(format!("%{}%", quoted(request.instance_type)?))
}

fn quoted(word: &str) -> Result<String, Fault> {
    serde_json::to_string(word).map_err(|error| Fault::internal("writing a word of a placement", error))
}

/// As [`Host::offers`] has it, for all hosts at once.
const OFFERS: &str =
    "drivers LIKE $1 AND (instance_types IS NULL OR instance_types LIKE $2) AND $3 <= vcpus * $4 AND $5 <= memory_mib * $6";

/// Whether a host of the request's zone offers what it asks for. The first that is found is enough.
pub async fn is_offered(db: &impl ConnectionTrait, request: &Request<'_>, overcommit: Overcommit) -> Outcome<bool> {
    let sql = format!("SELECT availability_zone FROM host WHERE availability_zone = $7 AND {OFFERS} LIMIT 1");
    let mut values = offer_values(request, overcommit)?;
    values.push(request.availability_zone.into());
    Ok(db.query_one_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await?.is_some())
}

/// A zone that has hosts, and whether one of them offers what is asked for.
#[derive(Debug, PartialEq, Eq, FromQueryResult)]
pub struct Offer {
    pub availability_zone: String,
    offered: i64,
}

impl Offer {
    pub fn is_there(&self) -> bool {
        self.offered > 0
    }
}

/// The zones that have hosts, by name. Of the request the zone is not asked. Reads every host.
pub async fn offers(db: &impl ConnectionTrait, request: &Request<'_>, overcommit: Overcommit) -> Outcome<Vec<Offer>> {
    let sql = format!(
        "SELECT availability_zone, MAX(CAST(CASE WHEN {OFFERS} THEN 1 ELSE 0 END AS BIGINT)) AS offered
         FROM host GROUP BY availability_zone ORDER BY availability_zone"
    );
    let values = offer_values(request, overcommit)?;
    Ok(Offer::find_by_statement(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).all(db).await?)
}

fn offer_values(request: &Request<'_>, overcommit: Overcommit) -> Result<Vec<sea_orm::Value>, Fault> {
    let Amount { vcpus, memory_mib, .. } = request.amount;
    Ok(vec![
        driving(request)?.into(),
        offering(request)?.into(),
        vcpus.into(),
        overcommit.vcpus.into(),
        memory_mib.into(),
        overcommit.memory.into(),
    ])
}

impl TryFrom<host::Model> for Host {
    type Error = Fault;

    fn try_from(row: host::Model) -> Result<Self, Fault> {
        Ok(Self {
            drivers: drivers(&row)?,
            instance_types: row.instance_types.as_deref().map(names).transpose()?,
            capacity: Amount { vcpus: row.vcpus, memory_mib: row.memory_mib, disk_mib: row.disk_mib },
            used: Amount { vcpus: row.vcpus_used, memory_mib: row.memory_mib_used, disk_mib: row.disk_mib_used },
            instances: row.instances,
            host_id: row.host_id,
            availability_zone: row.availability_zone,
            connected: row.connected,
            drained: row.drained_since.is_some(),
            quarantines: row.quarantined != NOTHING,
        })
    }
}

fn drivers(row: &host::Model) -> Result<Vec<Driver>, Fault> {
    serde_json::from_str(&row.drivers).map_err(|error| Fault::internal("a host's drivers are unreadable", error))
}

fn names(text: &str) -> Result<Vec<String>, Fault> {
    serde_json::from_str(text).map_err(|error| Fault::internal("a host's instance types are unreadable", error))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sea_orm::{ActiveModelTrait, IntoActiveModel};

    use super::*;
    use crate::placement::place;
    use crate::store::Store;
    use crate::store::tests::empty_store;

    const ONE: Amount = Amount { vcpus: 2, memory_mib: 1024, disk_mib: 8192 };
    const REQUEST: Request<'_> =
        Request { availability_zone: "us-east-1a", architecture: "x86_64", instance_type: "t3.micro", amount: ONE };
    const OVERCOMMIT: Overcommit = Overcommit { vcpus: 1.3, memory: 1.0, disk: 4.0 };

    /// More hosts than [`FEW`], as drawn.
    async fn stored(drawn: &[(u8, u8, i64)]) -> (crate::store::tests::Ground, std::sync::Arc<Store>) {
        let (folder, store) = empty_store().await;
        let tx = store.begin("").await.expect("begin");
        for (at, (condition, zone, used)) in drawn.iter().enumerate() {
            let architecture = if *condition == 2 { "arm64" } else { "x86_64" };
            let driver = Driver { name: "simulated".into(), accelerator: "none".into(), architecture: architecture.into() };
            let row = host::Model {
                host_id: format!("host-{at:03}"),
                hostname: String::new(),
                availability_zone: if *zone == 0 { "us-east-1b".into() } else { "us-east-1a".into() },
                vcpus: 10,
                memory_mib: 8192 + i64::from(*zone),
                disk_mib: 65536,
                drivers: serde_json::to_string(&[driver]).expect("json"),
                version: String::new(),
                connected: *condition != 0,
                attended_by: None,
                last_seen: 0,
                quarantined: if *condition == 3 { "[\"i-1\"]".into() } else { NOTHING.into() },
                drained_since: (*condition == 1).then_some(1),
                instances: *used,
                vcpus_used: 2 * used,
                memory_mib_used: 1024 * used,
                disk_mib_used: 8192 * used,
                instance_types: (*condition == 4).then(|| "[\"m5.large\"]".to_owned()),
                tunnel_address: String::new(),
            };
            row.into_active_model().insert(tx.db()).await.expect("a host");
        }
        tx.commit().await.expect("commit");
        (folder, store)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn of_many_hosts_the_best_are_read_and_decide_as_all_would(
            drawn in prop::collection::vec((0..12_u8, 0..4_u8, 0..8_i64), 33..60),
            count in 1..12_usize,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let (best, all) = runtime.block_on(async {
                let (_folder, store) = stored(&drawn).await;
                assert_eq!(few(store.reader()).await.expect("hosts"), None);
                let best = best(store.reader(), &REQUEST, OVERCOMMIT, count).await.expect("hosts");
                assert!(best.len() <= count);
                (best, load(store.reader()).await.expect("hosts"))
            });
            let ids = |hosts: &[Host]| place(&REQUEST, hosts, OVERCOMMIT, count).chosen.into_iter().map(|chosen| chosen.host_id).collect::<Vec<_>>();
            prop_assert_eq!(ids(&best), ids(&all));
        }
    }

    #[tokio::test]
    async fn the_best_are_found_by_their_index_in_its_own_order() {
        let (_folder, store) = empty_store().await;
        let db = store.reader();
        let Statement { sql, values, db_backend } = statement(db, &REQUEST, OVERCOMMIT, 3).expect("a statement");
        if db_backend != sea_orm::DbBackend::Sqlite {
            // PostgreSQL scans a table this small, whatever its indexes.
            return;
        }
        let explain = Statement { sql: format!("EXPLAIN QUERY PLAN {sql}"), values, db_backend };
        let steps = db.query_all_raw(explain).await.expect("a plan");
        let steps: Vec<String> = steps.iter().map(|step| step.try_get("", "detail").expect("a step's text")).collect();
        assert_eq!(steps.len(), 1, "no sorting: {steps:?}");
        assert!(steps[0].contains("USING INDEX host_by_room"), "{steps:?}");
    }

    #[tokio::test]
    async fn the_database_knows_who_offers_as_the_hosts_do() {
        let (_folder, store) = stored(&[(2, 1, 0), (4, 2, 0), (5, 0, 0), (0, 3, 9)]).await;
        let hosts = load(store.reader()).await.expect("hosts");
        let large = Amount { vcpus: 14, memory_mib: 1024, disk_mib: 0 };
        for request in [
            REQUEST,
            Request { availability_zone: "us-east-1b", ..REQUEST },
            Request { architecture: "arm64", ..REQUEST },
            Request { instance_type: "m5.large", ..REQUEST },
            Request { amount: large, ..REQUEST },
            Request { amount: Amount { memory_mib: 8194, ..ONE }, ..REQUEST },
        ] {
            let of = |zone: &str| hosts.iter().any(|host| host.availability_zone == zone && host.offers(&request, OVERCOMMIT).is_ok());
            let zone = request.availability_zone;
            assert_eq!(is_offered(store.reader(), &request, OVERCOMMIT).await.expect("an answer"), of(zone), "{request:?}");
            for offer in offers(store.reader(), &request, OVERCOMMIT).await.expect("offers") {
                assert_eq!(offer.is_there(), of(&offer.availability_zone), "{request:?} {offer:?}");
            }
        }
        assert!(offers(store.reader(), &REQUEST, OVERCOMMIT).await.expect("offers").iter().all(Offer::is_there));
    }

    #[tokio::test]
    async fn a_few_hosts_are_all_looked_at() {
        let (_folder, store) = stored(&[(3, 1, 0), (0, 1, 0), (1, 0, 0)]).await;
        assert_eq!(few(store.reader()).await.expect("hosts").map(|hosts| hosts.len()), Some(3));
    }
}
