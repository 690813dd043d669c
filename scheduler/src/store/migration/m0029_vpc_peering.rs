//! VPC peering connections.

use sea_orm_migration::prelude::*;

pub struct VpcPeering;

impl MigrationName for VpcPeering {
    fn name(&self) -> &'static str {
        "m0029_vpc_peering"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for VpcPeering {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(TABLE).await.map(drop)
    }
}

/// One that has ended is shown for a while: by then its VPCs may be gone. The accepter of a request that failed may never have been there.
const TABLE: &str = "
CREATE TABLE vpc_peering_connection (
    vpc_peering_connection_id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account,
    requester_vpc_id TEXT NOT NULL,
    accepter_account_id TEXT NOT NULL,
    accepter_vpc_id TEXT NOT NULL,
    status TEXT NOT NULL,
    status_message TEXT NOT NULL,
    requester_answers_public_names BOOLEAN NOT NULL,
    accepter_answers_public_names BOOLEAN NOT NULL,
    requester_sees BOOLEAN NOT NULL,
    accepter_sees BOOLEAN NOT NULL,
    requester_until BIGINT,
    accepter_until BIGINT,
    expires BIGINT NOT NULL,
    created BIGINT NOT NULL
);
CREATE INDEX vpc_peering_connection_by_requester ON vpc_peering_connection (requester_vpc_id);
CREATE INDEX vpc_peering_connection_by_accepter ON vpc_peering_connection (accepter_vpc_id);
";
