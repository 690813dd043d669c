//! NAT gateways.

use sea_orm_migration::prelude::*;

pub struct NatGateways;

impl MigrationName for NatGateways {
    fn name(&self) -> &'static str {
        "m0025_nat_gateways"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for NatGateways {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(TABLE).await.map(drop)
    }
}

/// One that was deleted is shown for a while, as an instance is: by then its network may be gone, so it refers to nothing of it.
const TABLE: &str = "
CREATE TABLE nat_gateway (
    nat_gateway_id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account,
    vpc_id TEXT NOT NULL,
    subnet_id TEXT NOT NULL,
    availability_zone TEXT NOT NULL,
    connectivity_type TEXT NOT NULL,
    state TEXT NOT NULL,
    failure_code TEXT NOT NULL,
    failure_message TEXT NOT NULL,
    network_interface_id TEXT NOT NULL,
    private_ip_address TEXT NOT NULL,
    public_ip TEXT,
    allocation_id TEXT,
    association_id TEXT,
    host_id TEXT REFERENCES host,
    generation BIGINT NOT NULL,
    since BIGINT NOT NULL,
    created BIGINT NOT NULL,
    ended BIGINT
);
CREATE INDEX nat_gateway_by_host ON nat_gateway (host_id);
CREATE INDEX nat_gateway_by_vpc ON nat_gateway (vpc_id);
CREATE INDEX nat_gateway_by_interface ON nat_gateway (network_interface_id);
";
