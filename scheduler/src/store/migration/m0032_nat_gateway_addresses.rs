//! Secondary addresses of NAT gateways.

use sea_orm_migration::prelude::*;

pub struct NatGatewayAddresses;

impl MigrationName for NatGatewayAddresses {
    fn name(&self) -> &'static str {
        "m0032_nat_gateway_addresses"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for NatGatewayAddresses {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(TABLE).await.map(drop)
    }
}

/// A primary address stays where it is, in its gateway's row.
const TABLE: &str = "
CREATE TABLE nat_gateway_address (
    nat_gateway_id TEXT NOT NULL REFERENCES nat_gateway,
    number INTEGER NOT NULL,
    account_id TEXT NOT NULL REFERENCES account,
    status TEXT NOT NULL,
    private_ip_address TEXT NOT NULL,
    public_ip TEXT,
    allocation_id TEXT,
    association_id TEXT,
    until BIGINT,
    PRIMARY KEY (nat_gateway_id, number)
);
CREATE INDEX nat_gateway_address_by_end ON nat_gateway_address (until);
";
