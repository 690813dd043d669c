//! What a host should hold, as messages made of rows. Pure but for the reads.

use std::collections::{BTreeSet, HashMap};

use freehold_proto::internal::host::{
    DhcpOptionsDesired, InstanceDesired, InterfaceAttachment, Metadata, PeeringDesired, PowerState, PublicAddress, ResourceName,
    ReverseName, SecurityGroupDesired, VolumeAttachment, VpcDesired,
};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder};

use super::acls::network_acls;
use super::routes::{route_tables, subnets};
use crate::Settings;
use crate::ec2::{cpu_options, hostname, maintenance_options};
use crate::lifecycle::step::State;
use crate::lifecycle::transition::power;
use crate::network::{attachment, dhcp, peering};
use crate::operator::timestamp;
use crate::store::read::instances::{self, InstanceView};
use crate::store::read::interfaces::InterfaceView;
use crate::store::read::volumes::VolumeView;
use crate::store::{
    Outcome, Select, dhcp_options, elastic_address, instance, nat_gateway, public_address, security_group, security_group_rule, vpc,
    vpc_cidr_block,
};

fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or_default()
}

fn unsigned32(value: i32) -> u32 {
    u32::try_from(value).unwrap_or_default()
}

/// The instances that a host should hold (of `among`, or all): neither terminated nor on the way there, for those have tombstones.
pub async fn instances(db: &impl ConnectionTrait, settings: &Settings, host_id: &str, among: &Select) -> Outcome<Vec<InstanceDesired>> {
    let rows = instance::Entity::find()
        .filter(instance::Column::HostId.eq(host_id))
        .filter(instance::Column::State.is_not_in([State::Terminated.as_str(), State::ShuttingDown.as_str()]));
    let rows = crate::store::read::chosen(db, rows, instance::Column::InstanceId, among).await?;
    let views = instances::load(db, rows.into_iter().map(|row| row.instance_id).collect()).await?;
    Ok(views.iter().map(|view| instance(view, settings)).collect())
}

fn instance(view: &InstanceView, settings: &Settings) -> InstanceDesired {
    let row = &view.instance;
    let cpu = cpu_options::of(row, settings);
    let power = if row.desired_power == power::RUNNING { PowerState::Running } else { PowerState::Stopped };
    InstanceDesired {
        instance_id: row.instance_id.clone(),
        account_id: row.account_id.clone(),
        generation: unsigned(row.generation),
        power: power.into(),
        reboot_count: unsigned(row.desired_reboot_count),
        force_stop: row.desired_force_stop,
        start_count: unsigned(row.desired_start_count),
        instance_type: row.instance_type.clone(),
        vcpus: unsigned32(row.vcpus),
        memory_mib: unsigned(row.memory_mib),
        architecture: row.architecture.clone(),
        driver: row.driver.clone(),
        machine_type: row.observed_machine_type.clone(),
        cores: unsigned32(cpu.core_count),
        threads_per_core: unsigned32(cpu.threads_per_core),
        stays_down: maintenance_options::is_disabled(row),
        volumes: view.volumes.iter().filter_map(volume).collect(),
        interfaces: view.interfaces.iter().filter_map(interface).collect(),
        metadata: Some(metadata(view, settings)),
    }
}

fn volume(view: &VolumeView) -> Option<VolumeAttachment> {
    let attachment = view.attachment.as_ref()?;
    Some(VolumeAttachment {
        volume_id: view.volume.volume_id.clone(),
        device_name: attachment.device_name.clone(),
        size_mib: unsigned(view.volume.size_gib) * 1024,
        root: attachment.is_root,
        manifest: view.volume.manifest.clone(),
        delete_on_termination: attachment.delete_on_termination,
    })
}

fn interface(view: &InterfaceView) -> Option<InterfaceAttachment> {
    let attachment = view.attachment.as_ref().filter(|attachment| attachment.status != attachment::DETACHING)?;
    Some(InterfaceAttachment {
        network_interface_id: view.interface.network_interface_id.clone(),
        device_index: unsigned32(attachment.device_index),
        vpc_id: view.interface.vpc_id.clone(),
        subnet_id: view.interface.subnet_id.clone(),
        mac_address: view.interface.mac_address.clone(),
        private_ip_address: view.primary_address().to_owned(),
        public_ip_address: view.public_address().unwrap_or_default().to_owned(),
        security_group_ids: view.groups.iter().map(|group| group.group_id.clone()).collect(),
        source_dest_check: view.interface.source_dest_check,
        secondary_private_ip_addresses: view.secondary_addresses().map(str::to_owned).collect(),
        other_public_ip_addresses: view.other_public_addresses().map(meaning).collect(),
    })
}

/// What a public address means.
pub fn meaning(row: &public_address::Model) -> PublicAddress {
    PublicAddress { public_ip_address: row.address.clone(), private_ip_address: row.private_ip_address.clone() }
}

fn metadata(view: &InstanceView, settings: &Settings) -> Metadata {
    use base64::Engine as _;
    let row = &view.instance;
    let primary = view.interfaces.first();
    let user_data = row.user_data.as_ref().map(|text| base64::engine::general_purpose::STANDARD.decode(text).unwrap_or_default());
    Metadata {
        ami_id: row.image_id.clone(),
        reservation_id: row.reservation_id.clone(),
        ami_launch_index: unsigned32(row.ami_launch_index),
        has_user_data: user_data.is_some(),
        user_data: user_data.unwrap_or_default().into(),
        key_name: row.key_name.clone().unwrap_or_default(),
        public_key: row.public_key.clone().unwrap_or_default(),
        public_dns_name: primary.and_then(|interface| interface.public_name(settings)).unwrap_or_default(),
        private_dns_name: hostname::private_dns_name(row, settings),
        region: settings.region.clone(),
        availability_zone: row.availability_zone.clone(),
        availability_zone_id: settings.zone(&row.availability_zone).map(|zone| zone.id.clone()).unwrap_or_default(),
        security_group_names: primary
            .map(|interface| interface.groups.iter().map(|group| group.group_name.clone()).collect())
            .unwrap_or_default(),
        launch_time: Some(timestamp(row.launch_time)),
        http_tokens: row.http_tokens.clone(),
        http_endpoint: row.http_endpoint.clone(),
        http_put_response_hop_limit: unsigned32(row.http_put_response_hop_limit),
        instance_metadata_tags: row.instance_metadata_tags.clone(),
        // A tag that the guest can not see must not restate the guest.
        tags: if row.instance_metadata_tags == "enabled" { view.tags.clone().into_iter().collect() } else { HashMap::new() },
        root_device_name: row.root_device_name.clone(),
        instance_initiated_shutdown_behavior: row.instance_initiated_shutdown_behavior.clone(),
        placement_group_name: view.placement_group.as_ref().map(|group| group.group_name.clone()).unwrap_or_default(),
        placement_partition_number: row.partition_number.map(unsigned32).unwrap_or_default(),
    }
}

/// Whether a host has an instance or a NAT gateway in a VPC, or in one that it is peered with.
pub async fn uses(db: &impl ConnectionTrait, host_id: &str, vpc_id: &str) -> Result<bool, DbErr> {
    // Asked of each group that is stated, and nearly always so by the VPC itself.
    if has_something(db, host_id, BTreeSet::from([vpc_id.to_owned()])).await? {
        return Ok(true);
    }
    let peers = peering::with_peers(db, vpc_id).await?;
    Ok(peers.len() > 1 && has_something(db, host_id, peers).await?)
}

async fn has_something(db: &impl ConnectionTrait, host_id: &str, vpcs: BTreeSet<String>) -> Result<bool, DbErr> {
    let here = instance::Entity::find()
        .filter(instance::Column::HostId.eq(host_id))
        .filter(instance::Column::VpcId.is_in(vpcs.clone()))
        .filter(instance::Column::State.ne(State::Terminated.as_str()));
    if here.one(db).await?.is_some() {
        return Ok(true);
    }
    let gateways = nat_gateway::Entity::find().filter(nat_gateway::Column::HostId.eq(host_id));
    Ok(gateways.filter(nat_gateway::Column::VpcId.is_in(vpcs)).one(db).await?.is_some())
}

pub async fn vpc(db: &impl ConnectionTrait, settings: &Settings, vpc_id: &str) -> Result<Option<VpcDesired>, DbErr> {
    let Some(row) = vpc::Entity::find_by_id(vpc_id).one(db).await? else { return Ok(None) };
    let blocks = vpc_cidr_block::Entity::find().filter(vpc_cidr_block::Column::VpcId.eq(vpc_id));
    let blocks = blocks.order_by_asc(vpc_cidr_block::Column::AssociationId).all(db).await?;
    let mut subnets = subnets(db, vpc_id).await?;
    let network_acls = network_acls(db, &mut subnets).await?;
    let dhcp_options = dhcp_options(db, &row.dhcp_options_id).await?;
    let reverse_names = reverse_names(db, &row.account_id).await?;
    Ok(Some(VpcDesired {
        vpc_id: row.vpc_id,
        account_id: row.account_id,
        generation: unsigned(row.generation),
        cidr_block: row.cidr_block,
        vni: u32::try_from(row.vni).unwrap_or_default(),
        subnets,
        domain_name: settings.private_domain(),
        other_cidr_blocks: blocks.into_iter().map(|row| row.cidr_block).collect(),
        route_tables: route_tables(db, vpc_id).await?,
        without_resolver: !row.enable_dns_support,
        resource_names: resource_names(db, vpc_id).await?,
        network_acls,
        dhcp_options,
        peerings: peerings(db, vpc_id).await?,
        reverse_names,
        public_name_domain: if row.enable_dns_support && row.enable_dns_hostnames { settings.public_domain() } else { String::new() },
    }))
}

async fn peerings(db: &impl ConnectionTrait, vpc_id: &str) -> Result<Vec<PeeringDesired>, DbErr> {
    let mut rows = peering::active(db, vpc_id).await?;
    rows.sort_by(|one, other| one.vpc_peering_connection_id.cmp(&other.vpc_peering_connection_id));
    let stated = rows.into_iter().map(|row| PeeringDesired {
        peer_vpc_id: peering::peer(&row, vpc_id).to_owned(),
        answers_public_names: peering::answers_public_names(&row, vpc_id),
        vpc_peering_connection_id: row.vpc_peering_connection_id,
    });
    Ok(stated.collect())
}

/// Nothing is said where a set can not be read: guests then get the VPC's own resolver and domain.
async fn dhcp_options(db: &impl ConnectionTrait, id: &str) -> Result<Option<DhcpOptionsDesired>, DbErr> {
    if id == dhcp::NONE {
        return Ok(Some(DhcpOptionsDesired::default()));
    }
    let row = dhcp_options::Entity::find_by_id(id).one(db).await?;
    Ok(row.and_then(|row| dhcp::read(&row).ok()).map(dhcp::desired))
}

/// Of its instances on whatever host, those whose own name is answered for.
async fn resource_names(db: &impl ConnectionTrait, vpc_id: &str) -> Result<Vec<ResourceName>, DbErr> {
    let named = instance::Entity::find()
        .filter(instance::Column::VpcId.eq(vpc_id))
        .filter(instance::Column::ResourceNameDnsARecord.eq(true))
        .filter(instance::Column::State.ne(State::Terminated.as_str()))
        .order_by_asc(instance::Column::InstanceId);
    let name = |row: instance::Model| ResourceName {
        is_hostname: hostname::is_resource_name(&row),
        instance_id: row.instance_id,
        private_ip_address: row.private_ip_address,
    };
    Ok(named.all(db).await?.into_iter().map(name).collect())
}

/// What an account calls its addresses.
async fn reverse_names(db: &impl ConnectionTrait, account_id: &str) -> Result<Vec<ReverseName>, DbErr> {
    let named = elastic_address::Entity::find()
        .filter(elastic_address::Column::AccountId.eq(account_id))
        .filter(elastic_address::Column::PtrRecord.is_not_null())
        .order_by_asc(elastic_address::Column::AllocationId);
    let name = |row: elastic_address::Model| Some(ReverseName { public_ip_address: row.address, name: row.ptr_record? });
    Ok(named.all(db).await?.into_iter().filter_map(name).collect())
}

pub async fn group_ids(db: &impl ConnectionTrait, vpc_id: &str) -> Result<Vec<String>, DbErr> {
    let rows = security_group::Entity::find().filter(security_group::Column::VpcId.eq(vpc_id));
    Ok(rows.order_by_asc(security_group::Column::GroupId).all(db).await?.into_iter().map(|row| row.group_id).collect())
}

pub async fn security_group(db: &impl ConnectionTrait, group_id: &str) -> Result<Option<SecurityGroupDesired>, DbErr> {
    let Some(row) = security_group::Entity::find_by_id(group_id).one(db).await? else { return Ok(None) };
    let rules = security_group_rule::Entity::find()
        .filter(security_group_rule::Column::GroupId.eq(group_id))
        .order_by_asc(security_group_rule::Column::SecurityGroupRuleId)
        .all(db)
        .await?;
    Ok(Some(SecurityGroupDesired {
        group_id: row.group_id,
        vpc_id: row.vpc_id,
        generation: unsigned(row.generation),
        rules: super::rules::desired(db, rules).await?,
    }))
}
