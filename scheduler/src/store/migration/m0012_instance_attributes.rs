//! What a client has set of an instance: protections, monitoring, CPU credits.

use sea_orm_migration::prelude::*;

pub struct InstanceAttributes;

impl MigrationName for InstanceAttributes {
    fn name(&self) -> &'static str {
        "m0012_instance_attributes"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for InstanceAttributes {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(ATTRIBUTES).await.map(drop)
    }
}

const ATTRIBUTES: &str = "
ALTER TABLE instance ADD COLUMN cpu_credits TEXT;
ALTER TABLE instance ADD COLUMN disable_api_stop BOOLEAN NOT NULL DEFAULT false;
ALTER TABLE instance ADD COLUMN disable_api_termination BOOLEAN NOT NULL DEFAULT false;
ALTER TABLE instance ADD COLUMN monitoring BOOLEAN NOT NULL DEFAULT false;
";
