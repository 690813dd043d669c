//! Where a host takes other hosts' packets for its guests.

use sea_orm_migration::prelude::*;

pub struct TunnelAddresses;

impl MigrationName for TunnelAddresses {
    fn name(&self) -> &'static str {
        "m0026_tunnel_addresses"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for TunnelAddresses {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(COLUMN).await.map(drop)
    }
}

/// Empty until a host says that it has one.
const COLUMN: &str = "ALTER TABLE host ADD COLUMN tunnel_address TEXT NOT NULL DEFAULT ''";
