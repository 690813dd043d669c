//! Which host has a volume's bytes: known also of a volume that has outlived its instance.

use sea_orm_migration::prelude::*;

pub struct VolumesHaveHosts;

impl MigrationName for VolumesHaveHosts {
    fn name(&self) -> &'static str {
        "m0003_volumes_have_hosts"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for VolumesHaveHosts {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(HOSTS).await.map(drop)
    }
}

const HOSTS: &str = "
ALTER TABLE volume ADD COLUMN host_id TEXT REFERENCES host;
UPDATE volume SET host_id = (
    SELECT instance.host_id FROM volume_attachment
    JOIN instance ON instance.instance_id = volume_attachment.instance_id
    WHERE volume_attachment.volume_id = volume.volume_id
);
CREATE INDEX volume_by_host ON volume (host_id);
";
