//! Public addresses that the operator adds to those of the configuration.

use sea_orm_migration::prelude::*;

pub struct AddressPools;

impl MigrationName for AddressPools {
    fn name(&self) -> &'static str {
        "m0031_address_pools"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for AddressPools {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(TABLE).await.map(drop)
    }
}

const TABLE: &str = "
CREATE TABLE address_pool (
    cidr_block TEXT PRIMARY KEY,
    closed BOOLEAN NOT NULL,
    translated BOOLEAN NOT NULL,
    created BIGINT NOT NULL
);
";
