//! What a stopped instance takes of its host does not grow by its being terminated: until the host has buried it, it takes what it took.
//!
//! The sums of m0008 counted whatever is `shutting-down` as though it ran. A full host was then promised to more than fits, for as long
//! as it stayed away.

use sea_orm::DbBackend;
use sea_orm_migration::prelude::*;

use super::m0008_many_hosts::Kept;

pub struct TheEndOfWhatWasStopped;

impl MigrationName for TheEndOfWhatWasStopped {
    fn name(&self) -> &'static str {
        "m0013_the_end_of_what_was_stopped"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for TheEndOfWhatWasStopped {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        let shared = db.get_database_backend() == DbBackend::Postgres;
        // Of what is on its way out already the row does not say from where: it counts as before.
        db.execute_unprepared("ALTER TABLE instance ADD COLUMN ended_from TEXT NOT NULL DEFAULT ''").await?;
        for event in EVENTS {
            let old = if shared {
                format!("DROP FUNCTION instance_counts_on_{event}() CASCADE")
            } else {
                format!("DROP TRIGGER instance_counts_on_{event}")
            };
            db.execute_unprepared(&old).await?;
        }
        db.execute_unprepared(&INSTANCES.triggers(db.get_database_backend())?).await?;
        for event in EVENTS.into_iter().filter(|_| shared) {
            // As m0011 says.
            db.execute_unprepared(&format!("ALTER FUNCTION instance_counts_on_{event}() SET search_path FROM CURRENT")).await?;
        }
        Ok(())
    }
}

const EVENTS: [&str; 3] = ["insert", "update", "delete"];

/// Off, and nobody has ordered it to run since.
macro_rules! asleep {
    ($row:literal) => {
        concat!(
            "(",
            $row,
            ".state IN ('stopped', 'terminated') OR (",
            $row,
            ".state = 'shutting-down' AND ",
            $row,
            ".ended_from = 'stopped'))"
        )
    };
}

const INSTANCES: Kept = Kept {
    table: "instance",
    effect: concat!(
        "UPDATE host SET \
            instances = instances SIGN CASE WHEN ROW.state = 'terminated' THEN 0 ELSE 1 END, \
            vcpus_used = vcpus_used SIGN CASE WHEN ",
        asleep!("ROW"),
        " THEN 0 ELSE ROW.vcpus END, memory_mib_used = memory_mib_used SIGN CASE WHEN ",
        asleep!("ROW"),
        " THEN 0 ELSE ROW.memory_mib END WHERE host_id = ROW.host_id;"
    ),
    when: concat!(
        "OLD.host_id IS DISTINCT FROM NEW.host_id OR OLD.vcpus <> NEW.vcpus OR OLD.memory_mib <> NEW.memory_mib \
            OR (OLD.state = 'terminated') <> (NEW.state = 'terminated') OR ",
        asleep!("OLD"),
        " <> ",
        asleep!("NEW")
    ),
};
