//! Several schedulers on one store: each has a row that it keeps alive, a host's row says which of them it attends, and what one of them
//! wants to know of a host that attends another is asked by way of the store. A lease is renewed by a count and not by a time, as those rows
//! are: the clocks of two machines are never compared.
//!
//! All schedulers are stopped before the first newer one starts, so that no host attends any while this runs.

use sea_orm_migration::prelude::*;

pub struct SeveralSchedulers;

impl MigrationName for SeveralSchedulers {
    fn name(&self) -> &'static str {
        "m0009_several_schedulers"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for SeveralSchedulers {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(SCHEMA).await.map(drop)
    }
}

const SCHEMA: &str = "
CREATE TABLE scheduler (
    scheduler_id TEXT PRIMARY KEY,
    started BIGINT NOT NULL,
    beat BIGINT NOT NULL
);
ALTER TABLE lease RENAME COLUMN expires TO beat;
ALTER TABLE host ADD COLUMN attended_by TEXT REFERENCES scheduler;
CREATE INDEX host_by_scheduler ON host (attended_by) WHERE attended_by IS NOT NULL;
UPDATE host SET connected = FALSE WHERE connected;
CREATE TABLE console_question (
    request_id TEXT PRIMARY KEY,
    host_id TEXT NOT NULL,
    instance_id TEXT NOT NULL,
    asked BIGINT NOT NULL,
    answer TEXT
);
CREATE INDEX console_question_by_host ON console_question (host_id) WHERE answer IS NULL;
";
