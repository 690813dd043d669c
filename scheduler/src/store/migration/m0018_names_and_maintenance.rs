//! How an instance is called in its VPC, and whether its host starts it again by itself.

use sea_orm_migration::prelude::*;

pub struct NamesAndMaintenance;

impl MigrationName for NamesAndMaintenance {
    fn name(&self) -> &'static str {
        "m0018_names_and_maintenance"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for NamesAndMaintenance {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(COLUMNS).await.map(drop)
    }
}

const COLUMNS: &str = "
ALTER TABLE instance ADD COLUMN hostname_type TEXT NOT NULL DEFAULT 'ip-name';
ALTER TABLE instance ADD COLUMN resource_name_dns_a_record BOOLEAN NOT NULL DEFAULT false;
ALTER TABLE instance ADD COLUMN auto_recovery TEXT NOT NULL DEFAULT 'default';
";
