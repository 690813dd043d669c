//! Launch templates and their versions.

use sea_orm_migration::prelude::*;

pub struct LaunchTemplates;

impl MigrationName for LaunchTemplates {
    fn name(&self) -> &'static str {
        "m0015_launch_templates"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for LaunchTemplates {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(TABLES).await.map(drop)
    }
}

const TABLES: &str = "
CREATE TABLE launch_template (
    launch_template_id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account,
    launch_template_name TEXT NOT NULL,
    default_version_number BIGINT NOT NULL,
    latest_version_number BIGINT NOT NULL,
    highest_version_number BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    created BIGINT NOT NULL,
    UNIQUE (account_id, launch_template_name)
);
CREATE TABLE launch_template_version (
    launch_template_version_id TEXT PRIMARY KEY,
    launch_template_id TEXT NOT NULL REFERENCES launch_template,
    account_id TEXT NOT NULL REFERENCES account,
    version_number BIGINT NOT NULL,
    version_description TEXT,
    data TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created BIGINT NOT NULL,
    UNIQUE (launch_template_id, version_number)
);
";
