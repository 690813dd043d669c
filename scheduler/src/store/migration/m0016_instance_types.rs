//! Which instance types a host offers, and how many cores and threads an instance was asked to have.

use sea_orm_migration::prelude::*;

pub struct InstanceTypes;

impl MigrationName for InstanceTypes {
    fn name(&self) -> &'static str {
        "m0016_instance_types"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for InstanceTypes {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(COLUMNS).await.map(drop)
    }
}

const COLUMNS: &str = "
ALTER TABLE host ADD COLUMN instance_types TEXT;
ALTER TABLE instance ADD COLUMN cpu_core_count INTEGER;
ALTER TABLE instance ADD COLUMN cpu_threads_per_core INTEGER;
";
