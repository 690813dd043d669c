//! Everything issue by issue starts from: cluster, identity, hosts, images, network, instances, volumes, and what is said about them.

use sea_orm_migration::prelude::*;

pub struct First;

impl MigrationName for First {
    fn name(&self) -> &'static str {
        "m0001_first"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for First {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for family in [CLUSTER, IMAGES, NETWORK, INSTANCES, VOLUMES, SAID_OF_RESOURCES] {
            manager.get_connection().execute_unprepared(family).await?;
        }
        Ok(())
    }
}

const CLUSTER: &str = "
CREATE TABLE cluster (
    singleton INTEGER PRIMARY KEY CHECK (singleton = 1),
    cluster_id TEXT NOT NULL,
    epoch BIGINT NOT NULL
);
CREATE TABLE account (
    account_id TEXT PRIMARY KEY CHECK (length(account_id) = 12),
    name TEXT NOT NULL,
    created BIGINT NOT NULL
);
CREATE TABLE access_key (
    access_key_id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account,
    sealed_secret TEXT NOT NULL,
    active BOOLEAN NOT NULL,
    created BIGINT NOT NULL
);
CREATE TABLE host (
    host_id TEXT PRIMARY KEY,
    hostname TEXT NOT NULL,
    availability_zone TEXT NOT NULL,
    vcpus BIGINT NOT NULL,
    memory_mib BIGINT NOT NULL,
    disk_mib BIGINT NOT NULL,
    drivers TEXT NOT NULL,
    version TEXT NOT NULL,
    connected BOOLEAN NOT NULL,
    last_seen BIGINT NOT NULL,
    quarantined TEXT NOT NULL
);
CREATE TABLE tombstone (
    host_id TEXT NOT NULL REFERENCES host,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    account_id TEXT NOT NULL REFERENCES account,
    generation BIGINT NOT NULL,
    created BIGINT NOT NULL,
    PRIMARY KEY (host_id, kind, id)
);
";

const IMAGES: &str = "
CREATE TABLE snapshot (
    snapshot_id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account,
    manifest TEXT NOT NULL,
    size_bytes BIGINT NOT NULL,
    description TEXT NOT NULL,
    created BIGINT NOT NULL
);
CREATE TABLE image (
    image_id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    public BOOLEAN NOT NULL,
    architecture TEXT NOT NULL,
    root_device_name TEXT NOT NULL,
    snapshot_id TEXT NOT NULL REFERENCES snapshot,
    created BIGINT NOT NULL,
    UNIQUE (account_id, name)
);
";

const NETWORK: &str = "
CREATE TABLE vpc (
    vpc_id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account,
    cidr_block TEXT NOT NULL,
    cidr_association_id TEXT NOT NULL,
    is_default BOOLEAN NOT NULL,
    vni BIGINT NOT NULL UNIQUE,
    dhcp_options_id TEXT NOT NULL,
    generation BIGINT NOT NULL,
    created BIGINT NOT NULL
);
CREATE UNIQUE INDEX vpc_one_default ON vpc (account_id) WHERE is_default;
CREATE TABLE internet_gateway (
    internet_gateway_id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account,
    vpc_id TEXT UNIQUE REFERENCES vpc,
    created BIGINT NOT NULL
);
CREATE TABLE subnet (
    subnet_id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account,
    vpc_id TEXT NOT NULL REFERENCES vpc,
    availability_zone TEXT NOT NULL,
    cidr_block TEXT NOT NULL,
    default_for_az BOOLEAN NOT NULL,
    map_public_ip_on_launch BOOLEAN NOT NULL,
    created BIGINT NOT NULL,
    UNIQUE (vpc_id, cidr_block)
);
CREATE UNIQUE INDEX subnet_one_default ON subnet (vpc_id, availability_zone) WHERE default_for_az;
CREATE TABLE security_group (
    group_id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account,
    vpc_id TEXT NOT NULL REFERENCES vpc,
    group_name TEXT NOT NULL,
    description TEXT NOT NULL,
    generation BIGINT NOT NULL,
    created BIGINT NOT NULL,
    UNIQUE (vpc_id, group_name)
);
CREATE TABLE security_group_rule (
    security_group_rule_id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account,
    group_id TEXT NOT NULL REFERENCES security_group,
    is_egress BOOLEAN NOT NULL,
    ip_protocol TEXT NOT NULL,
    from_port INTEGER NOT NULL,
    to_port INTEGER NOT NULL,
    cidr_ipv4 TEXT,
    referenced_group_id TEXT REFERENCES security_group,
    description TEXT,
    created BIGINT NOT NULL,
    CHECK ((cidr_ipv4 IS NULL) <> (referenced_group_id IS NULL))
);
CREATE UNIQUE INDEX security_group_rule_once ON security_group_rule
    (group_id, is_egress, ip_protocol, from_port, to_port, COALESCE(cidr_ipv4, ''), COALESCE(referenced_group_id, ''));
CREATE TABLE network_interface (
    network_interface_id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account,
    vpc_id TEXT NOT NULL REFERENCES vpc,
    subnet_id TEXT NOT NULL REFERENCES subnet,
    availability_zone TEXT NOT NULL,
    mac_address TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL,
    source_dest_check BOOLEAN NOT NULL,
    created BIGINT NOT NULL
);
CREATE TABLE private_address (
    subnet_id TEXT NOT NULL REFERENCES subnet,
    address TEXT NOT NULL,
    account_id TEXT NOT NULL REFERENCES account,
    network_interface_id TEXT NOT NULL REFERENCES network_interface,
    is_primary BOOLEAN NOT NULL,
    PRIMARY KEY (subnet_id, address)
);
CREATE UNIQUE INDEX private_address_one_primary ON private_address (network_interface_id) WHERE is_primary;
CREATE INDEX private_address_by_interface ON private_address (network_interface_id);
CREATE TABLE public_address (
    address TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account,
    network_interface_id TEXT NOT NULL UNIQUE REFERENCES network_interface
);
CREATE TABLE interface_security_group (
    network_interface_id TEXT NOT NULL REFERENCES network_interface,
    group_id TEXT NOT NULL REFERENCES security_group,
    account_id TEXT NOT NULL REFERENCES account,
    PRIMARY KEY (network_interface_id, group_id)
);
CREATE INDEX interface_security_group_by_group ON interface_security_group (group_id);
";

const INSTANCES: &str = "
CREATE TABLE key_pair (
    key_pair_id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account,
    key_name TEXT NOT NULL,
    key_type TEXT NOT NULL,
    key_fingerprint TEXT NOT NULL,
    public_key TEXT NOT NULL,
    created BIGINT NOT NULL,
    UNIQUE (account_id, key_name)
);
CREATE TABLE reservation (
    reservation_id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account,
    created BIGINT NOT NULL
);
CREATE TABLE instance (
    instance_id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account,
    reservation_id TEXT NOT NULL REFERENCES reservation,
    ami_launch_index INTEGER NOT NULL,
    image_id TEXT NOT NULL,
    instance_type TEXT NOT NULL,
    architecture TEXT NOT NULL,
    vcpus INTEGER NOT NULL,
    memory_mib BIGINT NOT NULL,
    root_device_name TEXT NOT NULL,
    key_name TEXT,
    public_key TEXT,
    user_data TEXT,
    vpc_id TEXT NOT NULL REFERENCES vpc,
    subnet_id TEXT NOT NULL REFERENCES subnet,
    availability_zone TEXT NOT NULL,
    private_ip_address TEXT NOT NULL,
    instance_initiated_shutdown_behavior TEXT NOT NULL,
    ebs_optimized BOOLEAN NOT NULL,
    http_tokens TEXT NOT NULL,
    http_endpoint TEXT NOT NULL,
    http_put_response_hop_limit INTEGER NOT NULL,
    instance_metadata_tags TEXT NOT NULL,
    associate_public_ip_address BOOLEAN NOT NULL,
    host_id TEXT REFERENCES host,
    driver TEXT NOT NULL,
    placement_reason TEXT NOT NULL,
    state TEXT NOT NULL,
    state_reason_code TEXT,
    state_reason_message TEXT,
    state_transition_reason TEXT NOT NULL,
    launch_time BIGINT NOT NULL,
    terminated_at BIGINT,
    generation BIGINT NOT NULL,
    desired_power TEXT NOT NULL,
    desired_reboot_count BIGINT NOT NULL,
    desired_start_count BIGINT NOT NULL,
    desired_force_stop BOOLEAN NOT NULL,
    observed_state TEXT,
    observed_generation BIGINT NOT NULL,
    observed_reboot_count BIGINT NOT NULL,
    observed_since BIGINT,
    observed_fault_code TEXT NOT NULL,
    observed_fault_message TEXT NOT NULL,
    observed_machine_type TEXT NOT NULL,
    observed_accelerator TEXT NOT NULL,
    created BIGINT NOT NULL
);
CREATE INDEX instance_by_account ON instance (account_id);
CREATE INDEX instance_by_host ON instance (host_id);
CREATE INDEX instance_by_reservation ON instance (reservation_id);
CREATE INDEX instance_terminated ON instance (terminated_at) WHERE terminated_at IS NOT NULL;
CREATE TABLE network_interface_attachment (
    attachment_id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account,
    network_interface_id TEXT NOT NULL UNIQUE REFERENCES network_interface,
    instance_id TEXT NOT NULL REFERENCES instance,
    device_index INTEGER NOT NULL,
    delete_on_termination BOOLEAN NOT NULL,
    attach_time BIGINT NOT NULL,
    UNIQUE (instance_id, device_index)
);
";

const VOLUMES: &str = "
CREATE TABLE volume (
    volume_id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account,
    availability_zone TEXT NOT NULL,
    size_gib BIGINT NOT NULL,
    volume_type TEXT NOT NULL,
    iops BIGINT NOT NULL,
    throughput BIGINT NOT NULL,
    snapshot_id TEXT NOT NULL,
    manifest TEXT NOT NULL,
    created BIGINT NOT NULL
);
CREATE INDEX volume_by_account ON volume (account_id);
CREATE TABLE volume_attachment (
    volume_id TEXT PRIMARY KEY REFERENCES volume,
    account_id TEXT NOT NULL REFERENCES account,
    instance_id TEXT NOT NULL REFERENCES instance,
    device_name TEXT NOT NULL,
    is_root BOOLEAN NOT NULL,
    delete_on_termination BOOLEAN NOT NULL,
    attach_time BIGINT NOT NULL,
    UNIQUE (instance_id, device_name)
);
";

const SAID_OF_RESOURCES: &str = "
CREATE TABLE tag (
    account_id TEXT NOT NULL REFERENCES account,
    resource_id TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (account_id, resource_id, key)
);
CREATE TABLE client_token (
    account_id TEXT NOT NULL REFERENCES account,
    action TEXT NOT NULL,
    token TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    answer TEXT NOT NULL,
    created BIGINT NOT NULL,
    PRIMARY KEY (account_id, action, token)
);
CREATE INDEX client_token_by_age ON client_token (created);
";
