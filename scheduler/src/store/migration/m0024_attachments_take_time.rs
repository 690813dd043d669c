//! Interfaces are attached to instances that run, and detached from them.

use sea_orm_migration::prelude::*;

pub struct AttachmentsTakeTime;

impl MigrationName for AttachmentsTakeTime {
    fn name(&self) -> &'static str {
        "m0024_attachments_take_time"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for AttachmentsTakeTime {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(STATUS).await.map(drop)
    }
}

/// What was attached so far was so from the instance's launch on.
const STATUS: &str = "
ALTER TABLE network_interface_attachment ADD COLUMN status TEXT NOT NULL DEFAULT 'attached';
";
