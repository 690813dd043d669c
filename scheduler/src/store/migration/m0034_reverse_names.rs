//! What accounts call their public addresses.

use sea_orm_migration::prelude::*;

pub struct ReverseNames;

impl MigrationName for ReverseNames {
    fn name(&self) -> &'static str {
        "m0034_reverse_names"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for ReverseNames {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared("ALTER TABLE elastic_address ADD COLUMN ptr_record TEXT").await.map(drop)
    }
}
