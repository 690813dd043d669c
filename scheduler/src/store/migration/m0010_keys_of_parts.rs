//! Parts have keys: whoever joined again by name is the only one of that name. Those of parts that have joined already are learnt when they renew.

use sea_orm_migration::prelude::*;

pub struct KeysOfParts;

impl MigrationName for KeysOfParts {
    fn name(&self) -> &'static str {
        "m0010_keys_of_parts"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for KeysOfParts {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(KEYS).await.map(drop)
    }
}

const KEYS: &str = "
ALTER TABLE part ADD COLUMN current_key TEXT NOT NULL DEFAULT '';
ALTER TABLE part ADD COLUMN previous_key TEXT NOT NULL DEFAULT '';
";
