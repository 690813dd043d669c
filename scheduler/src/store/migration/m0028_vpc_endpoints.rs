//! Gateway endpoints of VPCs. Which route tables have one their routes say.

use sea_orm_migration::prelude::*;

pub struct VpcEndpoints;

impl MigrationName for VpcEndpoints {
    fn name(&self) -> &'static str {
        "m0028_vpc_endpoints"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for VpcEndpoints {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(TABLE).await.map(drop)
    }
}

/// `service` is the last word of its name: the region is the cloud's.
const TABLE: &str = "
CREATE TABLE vpc_endpoint (
    vpc_endpoint_id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account,
    vpc_id TEXT NOT NULL REFERENCES vpc,
    service TEXT NOT NULL,
    policy_document TEXT NOT NULL,
    created BIGINT NOT NULL
);
CREATE INDEX vpc_endpoint_by_vpc ON vpc_endpoint (vpc_id);
";
