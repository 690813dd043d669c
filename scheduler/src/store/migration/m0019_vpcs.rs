//! VPCs that clients make, and what every VPC has: route tables, network ACLs, DHCP options.

use sea_orm::DbBackend;
use sea_orm_migration::prelude::*;

pub struct Vpcs;

impl MigrationName for Vpcs {
    fn name(&self) -> &'static str {
        "m0019_vpcs"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Vpcs {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        let outlive = match db.get_database_backend() {
            DbBackend::Postgres => ENDED_INSTANCES_OUTLIVE_THEIR_NETWORK_IN_POSTGRES,
            _ => ENDED_INSTANCES_OUTLIVE_THEIR_NETWORK_IN_SQLITE,
        };
        for family in [outlive, VPCS, ROUTES, ACLS] {
            db.execute_unprepared(family).await?;
        }
        Ok(())
    }
}

const ENDED_INSTANCES_OUTLIVE_THEIR_NETWORK_IN_POSTGRES: &str = "
ALTER TABLE instance DROP CONSTRAINT instance_vpc_id_fkey;
ALTER TABLE instance DROP CONSTRAINT instance_subnet_id_fkey;
";

/// As SQLite's own documentation has it for a constraint that goes without a change of the rows (<https://www.sqlite.org/lang_altertable.html>):
/// making the table anew would need the foreign keys off, which a transaction can not do.
const ENDED_INSTANCES_OUTLIVE_THEIR_NETWORK_IN_SQLITE: &str = "
PRAGMA writable_schema = ON;
UPDATE sqlite_master SET sql = replace(replace(sql,
    'vpc_id TEXT NOT NULL REFERENCES vpc,', 'vpc_id TEXT NOT NULL,'),
    'subnet_id TEXT NOT NULL REFERENCES subnet,', 'subnet_id TEXT NOT NULL,')
    WHERE type = 'table' AND name = 'instance';
PRAGMA writable_schema = RESET;
";

/// So far every VPC was a default one, whose guests have public names. `vpc.cidr_block` is the first block, which stays; here are the others.
const VPCS: &str = "
ALTER TABLE vpc ADD COLUMN enable_dns_support BOOLEAN NOT NULL DEFAULT true;
ALTER TABLE vpc ADD COLUMN enable_dns_hostnames BOOLEAN NOT NULL DEFAULT true;
ALTER TABLE vpc ADD COLUMN enable_network_address_usage_metrics BOOLEAN NOT NULL DEFAULT false;
CREATE TABLE vpc_cidr_block (
    association_id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account,
    vpc_id TEXT NOT NULL REFERENCES vpc,
    cidr_block TEXT NOT NULL,
    created BIGINT NOT NULL,
    UNIQUE (vpc_id, cidr_block)
);
ALTER TABLE subnet ADD COLUMN private_dns_hostname_type TEXT NOT NULL DEFAULT 'ip-name';
ALTER TABLE subnet ADD COLUMN enable_resource_name_dns_a_record BOOLEAN NOT NULL DEFAULT false;
CREATE TABLE dhcp_options (
    dhcp_options_id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account,
    is_default BOOLEAN NOT NULL,
    configurations TEXT NOT NULL,
    created BIGINT NOT NULL
);
CREATE UNIQUE INDEX dhcp_options_one_default ON dhcp_options (account_id) WHERE is_default;
";

/// The routes to a VPC's own blocks follow from the blocks and are no rows.
const ROUTES: &str = "
CREATE TABLE route_table (
    route_table_id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account,
    vpc_id TEXT NOT NULL REFERENCES vpc,
    created BIGINT NOT NULL
);
CREATE TABLE route_table_association (
    association_id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account,
    route_table_id TEXT NOT NULL REFERENCES route_table,
    vpc_id TEXT NOT NULL REFERENCES vpc,
    subnet_id TEXT UNIQUE REFERENCES subnet,
    created BIGINT NOT NULL
);
CREATE UNIQUE INDEX route_table_association_one_main ON route_table_association (vpc_id) WHERE subnet_id IS NULL;
CREATE INDEX route_table_association_by_table ON route_table_association (route_table_id);
CREATE TABLE route (
    route_table_id TEXT NOT NULL REFERENCES route_table,
    destination TEXT NOT NULL,
    account_id TEXT NOT NULL REFERENCES account,
    target TEXT NOT NULL,
    created BIGINT NOT NULL,
    PRIMARY KEY (route_table_id, destination)
);
CREATE INDEX route_by_target ON route (target);
";

const ACLS: &str = "
CREATE TABLE network_acl (
    network_acl_id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account,
    vpc_id TEXT NOT NULL REFERENCES vpc,
    is_default BOOLEAN NOT NULL,
    created BIGINT NOT NULL
);
CREATE UNIQUE INDEX network_acl_one_default ON network_acl (vpc_id) WHERE is_default;
CREATE TABLE network_acl_entry (
    network_acl_id TEXT NOT NULL REFERENCES network_acl,
    is_egress BOOLEAN NOT NULL,
    rule_number INTEGER NOT NULL,
    account_id TEXT NOT NULL REFERENCES account,
    protocol TEXT NOT NULL,
    rule_action TEXT NOT NULL,
    cidr_block TEXT NOT NULL,
    from_port INTEGER,
    to_port INTEGER,
    icmp_type INTEGER,
    icmp_code INTEGER,
    PRIMARY KEY (network_acl_id, is_egress, rule_number)
);
CREATE TABLE network_acl_association (
    association_id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account,
    network_acl_id TEXT NOT NULL REFERENCES network_acl,
    subnet_id TEXT NOT NULL UNIQUE REFERENCES subnet
);
CREATE INDEX network_acl_association_by_acl ON network_acl_association (network_acl_id);
";
