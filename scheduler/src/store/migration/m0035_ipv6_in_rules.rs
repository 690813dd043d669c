//! IPv6 blocks in the rules of security groups and of network ACLs.

use sea_orm::DbBackend;
use sea_orm_migration::prelude::*;

pub struct Ipv6InRules;

impl MigrationName for Ipv6InRules {
    fn name(&self) -> &'static str {
        "m0035_ipv6_in_rules"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Ipv6InRules {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        db.execute_unprepared(GROUPS).await?;
        let constraints = match db.get_database_backend() {
            DbBackend::Postgres => CONSTRAINTS_IN_POSTGRES,
            _ => CONSTRAINTS_IN_SQLITE,
        };
        db.execute_unprepared(constraints).await?;
        db.execute_unprepared(ACLS).await.map(drop)
    }
}

const GROUPS: &str = "
ALTER TABLE security_group_rule ADD COLUMN cidr_ipv6 TEXT;
DROP INDEX security_group_rule_once;
CREATE UNIQUE INDEX security_group_rule_once ON security_group_rule
    (group_id, is_egress, ip_protocol, from_port, to_port, COALESCE(cidr_ipv4, ''), COALESCE(cidr_ipv6, ''),
     COALESCE(referenced_group_id, ''), COALESCE(prefix_list_id, ''));
";

const CONSTRAINTS_IN_POSTGRES: &str = "
ALTER TABLE security_group_rule DROP CONSTRAINT security_group_rule_one_peer;
ALTER TABLE security_group_rule ADD CONSTRAINT security_group_rule_one_peer
    CHECK (num_nonnulls(cidr_ipv4, cidr_ipv6, referenced_group_id, prefix_list_id) = 1);
ALTER TABLE network_acl_entry ALTER COLUMN cidr_block DROP NOT NULL;
";

/// As in m0019: a constraint changes without a change of the rows.
const CONSTRAINTS_IN_SQLITE: &str = "
PRAGMA writable_schema = ON;
UPDATE sqlite_master SET sql = replace(sql,
    'CHECK ((cidr_ipv4 IS NOT NULL) + (referenced_group_id IS NOT NULL)',
    'CHECK ((cidr_ipv4 IS NOT NULL) + (cidr_ipv6 IS NOT NULL) + (referenced_group_id IS NOT NULL)')
    WHERE type = 'table' AND name = 'security_group_rule';
UPDATE sqlite_master SET sql = replace(sql, 'cidr_block TEXT NOT NULL', 'cidr_block TEXT')
    WHERE type = 'table' AND name = 'network_acl_entry';
PRAGMA writable_schema = RESET;
";

const ACLS: &str = "
ALTER TABLE network_acl_entry ADD COLUMN ipv6_cidr_block TEXT CHECK ((cidr_block IS NULL) <> (ipv6_cidr_block IS NULL));
";
