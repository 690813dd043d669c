//! Since when an instance's host says that it can not carry out what it is told, by the scheduler's own clock.

use sea_orm_migration::prelude::*;

pub struct FailedLaunches;

impl MigrationName for FailedLaunches {
    fn name(&self) -> &'static str {
        "m0002_failed_launches"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for FailedLaunches {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(IMPAIRED).await.map(drop)
    }
}

const IMPAIRED: &str = "
ALTER TABLE instance ADD COLUMN impaired_since BIGINT;
CREATE INDEX instance_impaired ON instance (impaired_since) WHERE impaired_since IS NOT NULL;
";
