//! Parts on other hosts: the install's authority, tokens to join with, and who has joined.

use sea_orm_migration::prelude::*;

pub struct PartsApart;

impl MigrationName for PartsApart {
    fn name(&self) -> &'static str {
        "m0007_parts_apart"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for PartsApart {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(PARTS).await.map(drop)
    }
}

const PARTS: &str = "
CREATE TABLE authority (
    singleton INTEGER PRIMARY KEY CHECK (singleton = 1),
    certificate TEXT NOT NULL,
    sealed_key TEXT NOT NULL,
    sealed_grant_key TEXT NOT NULL,
    created BIGINT NOT NULL
);
CREATE TABLE join_token (
    secret_hash TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    spent_by TEXT NOT NULL
);
CREATE TABLE part (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    joined BIGINT NOT NULL,
    certified BIGINT NOT NULL,
    PRIMARY KEY (kind, name)
);
";
