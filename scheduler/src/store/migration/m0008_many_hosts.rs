//! What many hosts need: how full each is, kept by the database itself; hosts that are drained, and hosts that were given up; why an
//! instance is where it is, and why one could not be placed at all.
//!
//! The columns `host.instances` and `host.*_used` are sums over `instance` and `volume`. Triggers keep them, so that no writer can
//! forget them and placement never has to sum.

use sea_orm::DbBackend;
use sea_orm_migration::prelude::*;

pub struct ManyHosts;

impl MigrationName for ManyHosts {
    fn name(&self) -> &'static str {
        "m0008_many_hosts"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for ManyHosts {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        for step in [COLUMNS, TABLES] {
            db.execute_unprepared(step).await?;
        }
        for kept in [instances(), volumes()] {
            db.execute_unprepared(&kept.triggers(db.get_database_backend())?).await?;
        }
        db.execute_unprepared(SUMS).await.map(drop)
    }
}

const COLUMNS: &str = "
ALTER TABLE host ADD COLUMN drained_since BIGINT;
ALTER TABLE host ADD COLUMN instances BIGINT NOT NULL DEFAULT 0;
ALTER TABLE host ADD COLUMN vcpus_used BIGINT NOT NULL DEFAULT 0;
ALTER TABLE host ADD COLUMN memory_mib_used BIGINT NOT NULL DEFAULT 0;
ALTER TABLE host ADD COLUMN disk_mib_used BIGINT NOT NULL DEFAULT 0;
CREATE INDEX host_by_room ON host (availability_zone, instances, (memory_mib_used - memory_mib), host_id)
    WHERE connected AND drained_since IS NULL;
ALTER TABLE instance ADD COLUMN client_token TEXT NOT NULL DEFAULT '';
ALTER TABLE instance ADD COLUMN running_since BIGINT;
ALTER TABLE volume ADD COLUMN lost BOOLEAN NOT NULL DEFAULT FALSE;
";

const TABLES: &str = "
CREATE TABLE fenced_host (
    host_id TEXT PRIMARY KEY,
    hostname TEXT NOT NULL,
    availability_zone TEXT NOT NULL,
    created BIGINT NOT NULL,
    knocked BIGINT
);
CREATE TABLE condemned_guest (
    host_id TEXT NOT NULL REFERENCES host,
    instance_id TEXT NOT NULL,
    created BIGINT NOT NULL,
    PRIMARY KEY (host_id, instance_id)
);
CREATE TABLE placement (
    reservation_id TEXT PRIMARY KEY REFERENCES reservation ON DELETE CASCADE,
    account_id TEXT NOT NULL REFERENCES account,
    wanted TEXT NOT NULL,
    others TEXT NOT NULL,
    created BIGINT NOT NULL
);
CREATE TABLE refused_placement (
    request_id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account,
    action TEXT NOT NULL,
    wanted TEXT NOT NULL,
    others TEXT NOT NULL,
    created BIGINT NOT NULL
);
CREATE INDEX refused_placement_by_age ON refused_placement (created);
";

/// What the rows that are there already add up to.
const SUMS: &str = "
UPDATE host SET
    instances = (SELECT COUNT(*) FROM instance WHERE instance.host_id = host.host_id AND state <> 'terminated'),
    vcpus_used = (SELECT CAST(COALESCE(SUM(instance.vcpus), 0) AS BIGINT) FROM instance
        WHERE instance.host_id = host.host_id AND state NOT IN ('stopped', 'terminated')),
    memory_mib_used = (SELECT CAST(COALESCE(SUM(instance.memory_mib), 0) AS BIGINT) FROM instance
        WHERE instance.host_id = host.host_id AND state NOT IN ('stopped', 'terminated')),
    disk_mib_used = (SELECT CAST(COALESCE(SUM(volume.size_gib * 1024), 0) AS BIGINT) FROM volume WHERE volume.host_id = host.host_id);
";

/// A table whose rows add up in their host's row.
pub(super) struct Kept {
    pub(super) table: &'static str,
    /// What an old row added is taken back, what a new one adds is added: `ROW` and `SIGN` are replaced.
    pub(super) effect: &'static str,
    /// Whether an update changes any of it.
    pub(super) when: &'static str,
}

fn instances() -> Kept {
    Kept {
        table: "instance",
        effect: "UPDATE host SET \
            instances = instances SIGN CASE WHEN ROW.state = 'terminated' THEN 0 ELSE 1 END, \
            vcpus_used = vcpus_used SIGN CASE WHEN ROW.state IN ('stopped', 'terminated') THEN 0 ELSE ROW.vcpus END, \
            memory_mib_used = memory_mib_used SIGN CASE WHEN ROW.state IN ('stopped', 'terminated') THEN 0 ELSE ROW.memory_mib END \
            WHERE host_id = ROW.host_id;",
        when: "OLD.host_id IS DISTINCT FROM NEW.host_id OR OLD.vcpus <> NEW.vcpus OR OLD.memory_mib <> NEW.memory_mib \
            OR (OLD.state = 'stopped') <> (NEW.state = 'stopped') OR (OLD.state = 'terminated') <> (NEW.state = 'terminated')",
    }
}

fn volumes() -> Kept {
    Kept {
        table: "volume",
        effect: "UPDATE host SET disk_mib_used = disk_mib_used SIGN ROW.size_gib * 1024 WHERE host_id = ROW.host_id;",
        when: "OLD.host_id IS DISTINCT FROM NEW.host_id OR OLD.size_gib <> NEW.size_gib",
    }
}

impl Kept {
    fn effect(&self, row: &str, sign: &str) -> String {
        self.effect.replace("ROW", row).replace("SIGN", sign)
    }

    /// One trigger for each way in which a row can come, change and go.
    pub(super) fn triggers(&self, backend: DbBackend) -> Result<String, DbErr> {
        let Self { table, when, .. } = self;
        let (out, into) = (self.effect("OLD", "-"), self.effect("NEW", "+"));
        let both = format!("{out} {into}");
        let ways = [("INSERT", "", &into), ("DELETE", "", &out), ("UPDATE", *when, &both)];
        let way = |(event, when, body): (&str, &str, &String)| {
            let name = format!("{table}_counts_on_{}", event.to_lowercase());
            let when = if when.is_empty() { String::new() } else { format!("WHEN ({when})") };
            match backend {
                DbBackend::Sqlite => Ok(format!("CREATE TRIGGER {name} AFTER {event} ON {table} FOR EACH ROW {when} BEGIN {body} END;\n")),
                DbBackend::Postgres => Ok(format!(
                    "CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} RETURN NULL; END $$;\n\
                     CREATE TRIGGER {name} AFTER {event} ON {table} FOR EACH ROW {when} EXECUTE FUNCTION {name}();\n"
                )),
                other => Err(DbErr::Custom(format!("the store does not run on {other:?}"))),
            }
        };
        ways.into_iter().map(way).collect()
    }
}
