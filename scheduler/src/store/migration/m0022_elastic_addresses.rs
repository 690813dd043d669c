//! Public addresses that an account keeps: Elastic IPs.

use sea_orm_migration::prelude::*;

pub struct ElasticAddresses;

impl MigrationName for ElasticAddresses {
    fn name(&self) -> &'static str {
        "m0022_elastic_addresses"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for ElasticAddresses {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(TABLE).await.map(drop)
    }
}

/// While it is on an interface the address is in `public_address`, too, as every address is that is in use.
const TABLE: &str = "
CREATE TABLE elastic_address (
    allocation_id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account,
    address TEXT NOT NULL UNIQUE,
    association_id TEXT UNIQUE,
    network_interface_id TEXT UNIQUE REFERENCES network_interface,
    created BIGINT NOT NULL
);
";
