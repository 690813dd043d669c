//! Leases: of several schedulers on one store, one reconciles.

use sea_orm_migration::prelude::*;

pub struct Leases;

impl MigrationName for Leases {
    fn name(&self) -> &'static str {
        "m0005_leases"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Leases {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(LEASE).await.map(drop)
    }
}

const LEASE: &str = "
CREATE TABLE lease (
    name TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    expires BIGINT NOT NULL
);
";
