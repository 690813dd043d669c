//! Security groups that clients make and delete: who refers to one is asked often now.

use sea_orm_migration::prelude::*;

pub struct SecurityGroups;

impl MigrationName for SecurityGroups {
    fn name(&self) -> &'static str {
        "m0020_security_groups"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for SecurityGroups {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(INDEXES).await?;
        Ok(())
    }
}

const INDEXES: &str = "
CREATE INDEX security_group_by_account ON security_group (account_id);
CREATE INDEX security_group_rule_by_reference ON security_group_rule (referenced_group_id);
";
