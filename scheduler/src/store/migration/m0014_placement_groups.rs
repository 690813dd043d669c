//! Placement groups, and which instance is in which.

use sea_orm_migration::prelude::*;

pub struct PlacementGroups;

impl MigrationName for PlacementGroups {
    fn name(&self) -> &'static str {
        "m0014_placement_groups"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for PlacementGroups {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(GROUPS).await.map(drop)
    }
}

/// What has ended is still shown when its group is gone, so an instance's group is no reference.
const GROUPS: &str = "
CREATE TABLE placement_group (
    group_id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account,
    group_name TEXT NOT NULL,
    strategy TEXT NOT NULL,
    partition_count INTEGER,
    spread_level TEXT,
    created BIGINT NOT NULL,
    UNIQUE (account_id, group_name)
);
ALTER TABLE instance ADD COLUMN placement_group_id TEXT;
ALTER TABLE instance ADD COLUMN partition_number INTEGER;
CREATE INDEX instance_by_placement_group ON instance (placement_group_id) WHERE placement_group_id IS NOT NULL;
";
