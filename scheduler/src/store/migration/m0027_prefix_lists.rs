//! Prefix lists: what rules of security groups and routes may name in place of a block.

use sea_orm::DbBackend;
use sea_orm_migration::prelude::*;

pub struct PrefixLists;

impl MigrationName for PrefixLists {
    fn name(&self) -> &'static str {
        "m0027_prefix_lists"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for PrefixLists {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        db.execute_unprepared(LISTS).await?;
        let one_peer = match db.get_database_backend() {
            DbBackend::Postgres => ONE_PEER_IN_POSTGRES,
            _ => ONE_PEER_IN_SQLITE,
        };
        db.execute_unprepared(one_peer).await?;
        db.execute_unprepared(RULES).await.map(drop)
    }
}

/// The cloud's own lists belong to no account. An entry stands in the versions from `since` on and before `until`, so that a version costs
/// what it changes.
const LISTS: &str = "
CREATE TABLE prefix_list (
    prefix_list_id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL,
    prefix_list_name TEXT NOT NULL,
    max_entries INTEGER NOT NULL,
    version BIGINT NOT NULL,
    state TEXT NOT NULL,
    created BIGINT NOT NULL
);
CREATE INDEX prefix_list_by_account ON prefix_list (account_id);
CREATE TABLE prefix_list_entry (
    prefix_list_id TEXT NOT NULL REFERENCES prefix_list,
    cidr TEXT NOT NULL,
    since BIGINT NOT NULL,
    until BIGINT,
    description TEXT,
    PRIMARY KEY (prefix_list_id, cidr, since)
);
CREATE INDEX route_by_destination ON route (destination);
ALTER TABLE security_group_rule ADD COLUMN prefix_list_id TEXT REFERENCES prefix_list;
";

const ONE_PEER_IN_POSTGRES: &str = "
ALTER TABLE security_group_rule DROP CONSTRAINT security_group_rule_check;
ALTER TABLE security_group_rule ADD CONSTRAINT security_group_rule_one_peer
    CHECK (num_nonnulls(cidr_ipv4, referenced_group_id, prefix_list_id) = 1);
";

/// As in m0019: a constraint changes without a change of the rows.
const ONE_PEER_IN_SQLITE: &str = "
PRAGMA writable_schema = ON;
UPDATE sqlite_master SET sql = replace(sql,
    'CHECK ((cidr_ipv4 IS NULL) <> (referenced_group_id IS NULL))',
    'CHECK ((cidr_ipv4 IS NOT NULL) + (referenced_group_id IS NOT NULL) + (prefix_list_id IS NOT NULL) = 1)')
    WHERE type = 'table' AND name = 'security_group_rule';
PRAGMA writable_schema = RESET;
";

const RULES: &str = "
DROP INDEX security_group_rule_once;
CREATE UNIQUE INDEX security_group_rule_once ON security_group_rule
    (group_id, is_egress, ip_protocol, from_port, to_port, COALESCE(cidr_ipv4, ''), COALESCE(referenced_group_id, ''),
     COALESCE(prefix_list_id, ''));
CREATE INDEX security_group_rule_by_list ON security_group_rule (prefix_list_id);
";
