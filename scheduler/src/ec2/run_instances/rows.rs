//! The rows of one launched instance: itself, its interface with its addresses and groups, its volumes, their tags.

use std::net::Ipv4Addr;

use freehold_proto::Fault;
use freehold_proto::id::{AttachmentId, InstanceId, VolumeId};
use sea_orm::{ActiveModelTrait, IntoActiveModel};

use super::disks::Disk;
use super::image::Image;
use super::interfaces::{InterfaceAsked, Planned};
use super::network::Network;
use super::request::Asked;
use crate::addresses;
use crate::ec2::create_tags::insert_tags;
use crate::ec2::resolve::{INSTANCE, Kind, NETWORK_INTERFACE, VOLUME};
use crate::lifecycle::step::State;
use crate::lifecycle::terminate::enter_vpc;
use crate::lifecycle::transition::power;
use crate::network::attachment;
use crate::network::interface;
use crate::network::restate;
use crate::placement::Chosen;
use crate::store::{
    self, Outcome, Tx, instance, key_pair, network_interface, network_interface_attachment, placement_group, subnet, volume,
    volume_attachment,
};

/// What all instances of a launch have in common.
pub struct Launch<'a> {
    pub asked: &'a Asked,
    pub image: &'a Image,
    pub key: Option<&'a key_pair::Model>,
    pub network: &'a Network,
    /// The interfaces beyond the primary one.
    pub further: &'a [Planned],
    pub placement_group: Option<&'a placement_group::Model>,
    pub reservation: &'a str,
}

/// gp3's baseline. Source: <https://docs.aws.amazon.com/ebs/latest/userguide/general-purpose.html>.
const VOLUME_TYPE: &str = "gp3";
const IOPS: i64 = 3000;
const THROUGHPUT: i64 = 125;

impl Launch<'_> {
    /// Writes the instance number `index` of the launch, on its host, and answers its id.
    pub async fn write(&self, tx: &mut Tx, index: usize, host: &Chosen) -> Outcome<String> {
        let (interface, address) = self.write_interface(tx).await?;
        let row = self.instance(tx, index, host, address);
        let id = row.instance_id.clone();
        row.into_active_model().insert(tx.db()).await?;
        self.tag(tx, &INSTANCE, &id).await?;
        self.attach_interface(tx, &id, interface, self.asked.primary()).await?;
        for one in self.further {
            let interface = self.further_interface(tx, one).await?;
            self.attach_interface(tx, &id, interface, &one.asked).await?;
        }
        for disk in &self.image.disks {
            self.write_volume(tx, &id, host, disk).await?;
        }
        if self.network.public_address {
            addresses::assign_public(tx, &id).await?;
        }
        enter_vpc(tx, &host.host_id, &self.network.subnet.vpc_id).await?;
        tx.changed(store::Kind::Instance, id.clone());
        Ok(id)
    }

    /// Names that its instances are called by in the whole VPC: told once, however many they are. Who is where hosts are told of each.
    pub async fn restate_network(&self, tx: &mut Tx) -> Outcome<()> {
        if self.network.hostname.resource_name_dns_a_record { restate(tx, &self.network.subnet.vpc_id).await } else { Ok(()) }
    }

    async fn tag(&self, tx: &Tx, kind: &Kind, id: &str) -> Outcome<()> {
        match self.asked.tags.get(kind.resource_type) {
            Some(tags) => insert_tags(tx, id, kind.resource_type, tags).await,
            None => Ok(()),
        }
    }

    fn instance(&self, tx: &Tx, index: usize, host: &Chosen, address: String) -> instance::Model {
        let Self { asked, image, key, network, .. } = self;
        instance::Model {
            instance_id: InstanceId::draw(tx.entropy()).into(),
            account_id: tx.account().to_owned(),
            reservation_id: self.reservation.to_owned(),
            ami_launch_index: i32::try_from(index).unwrap_or(i32::MAX),
            image_id: image.row.image_id.clone(),
            instance_type: asked.instance_type.clone(),
            architecture: image.row.architecture.clone(),
            vcpus: asked.vcpus,
            memory_mib: asked.memory_mib,
            root_device_name: image.row.root_device_name.clone(),
            key_name: key.map(|key| key.key_name.clone()),
            // One line as authorized_keys has it, with the name as its comment.
            public_key: key.map(|key| format!("{} {}", key.public_key, key.key_name)),
            user_data: asked.user_data.clone(),
            vpc_id: network.subnet.vpc_id.clone(),
            subnet_id: network.subnet.subnet_id.clone(),
            availability_zone: network.subnet.availability_zone.clone(),
            private_ip_address: address,
            instance_initiated_shutdown_behavior: asked.shutdown_behavior.as_str().to_owned(),
            ebs_optimized: false,
            http_tokens: asked.metadata.http_tokens.clone(),
            http_endpoint: asked.metadata.http_endpoint.clone(),
            http_put_response_hop_limit: asked.metadata.http_put_response_hop_limit,
            instance_metadata_tags: asked.metadata.instance_metadata_tags.clone(),
            associate_public_ip_address: network.public_address,
            host_id: Some(host.host_id.clone()),
            driver: host.driver.clone(),
            placement_reason: host.reason.clone(),
            state: State::Pending.as_str().to_owned(),
            state_reason_code: None,
            state_reason_message: None,
            state_transition_reason: String::new(),
            launch_time: tx.now(),
            terminated_at: None,
            generation: 1,
            desired_power: power::RUNNING.to_owned(),
            desired_reboot_count: 0,
            desired_start_count: 1,
            desired_force_stop: false,
            observed_state: None,
            observed_generation: 0,
            observed_reboot_count: 0,
            observed_since: None,
            observed_fault_code: String::new(),
            observed_fault_message: String::new(),
            observed_machine_type: String::new(),
            observed_accelerator: String::new(),
            created: tx.now(),
            impaired_since: None,
            client_token: asked.client_token.clone(),
            running_since: None,
            cpu_credits: asked.cpu_credits.clone(),
            disable_api_stop: asked.disable_api_stop,
            disable_api_termination: asked.disable_api_termination,
            monitoring: asked.monitoring,
            ended_from: String::new(),
            placement_group_id: self.placement_group.map(|group| group.group_id.clone()),
            partition_number: host.partition,
            cpu_core_count: asked.cpu.map(|cpu| cpu.core_count),
            cpu_threads_per_core: asked.cpu.map(|cpu| cpu.threads_per_core),
            hostname_type: network.hostname.hostname_type.clone(),
            resource_name_dns_a_record: network.hostname.resource_name_dns_a_record,
            auto_recovery: asked.auto_recovery.clone(),
        }
    }

    /// The primary one, and its address.
    async fn write_interface(&self, tx: &Tx) -> Outcome<(network_interface::Model, String)> {
        if let Some(row) = &self.network.primary {
            let of_row = interface::addresses(tx, &row.network_interface_id).await?;
            let primary = of_row.into_iter().find(|address| address.is_primary);
            let none = || Fault::internal("an interface has no primary address", row.network_interface_id.clone());
            return Ok((row.clone(), primary.ok_or_else(none)?.address));
        }
        let Network { subnet, group_ids, .. } = self.network;
        let (row, address) = self.new_interface(tx, self.asked.primary(), subnet, group_ids).await?;
        Ok((row, address.to_string()))
    }

    async fn further_interface(&self, tx: &Tx, one: &Planned) -> Outcome<network_interface::Model> {
        match &one.existing {
            Some(row) => Ok(row.clone()),
            None => Ok(self.new_interface(tx, &one.asked, &one.subnet, &one.group_ids).await?.0),
        }
    }

    async fn new_interface(
        &self,
        tx: &Tx,
        asked: &InterfaceAsked,
        subnet: &subnet::Model,
        group_ids: &[String],
    ) -> Outcome<(network_interface::Model, Ipv4Addr)> {
        let new = interface::New {
            subnet,
            description: asked.description.clone(),
            group_ids,
            primary: asked.addresses.primary.as_deref(),
            secondary: asked.addresses.secondary(),
        };
        let made = interface::create(tx, new).await?;
        self.tag(tx, &NETWORK_INTERFACE, &made.0.network_interface_id).await?;
        Ok(made)
    }

    async fn attach_interface(
        &self,
        tx: &Tx,
        instance_id: &str,
        interface: network_interface::Model,
        asked: &InterfaceAsked,
    ) -> Outcome<()> {
        let row = network_interface_attachment::Model {
            attachment_id: AttachmentId::draw(tx.entropy()).into(),
            account_id: interface.account_id,
            network_interface_id: interface.network_interface_id,
            instance_id: instance_id.to_owned(),
            device_index: asked.device_index,
            delete_on_termination: asked.delete_on_termination,
            attach_time: tx.now(),
            status: attachment::ATTACHED.into(),
        };
        row.into_active_model().insert(tx.db()).await?;
        Ok(())
    }

    async fn write_volume(&self, tx: &Tx, instance_id: &str, host: &Chosen, disk: &Disk) -> Outcome<()> {
        let volume = volume::Model {
            volume_id: VolumeId::draw(tx.entropy()).into(),
            account_id: tx.account().to_owned(),
            availability_zone: self.network.subnet.availability_zone.clone(),
            size_gib: disk.size_gib,
            volume_type: VOLUME_TYPE.into(),
            iops: IOPS,
            throughput: THROUGHPUT,
            // Beside the root they are blank.
            snapshot_id: if disk.is_root { self.image.snapshot.snapshot_id.clone() } else { String::new() },
            manifest: if disk.is_root { self.image.snapshot.manifest.clone() } else { String::new() },
            created: tx.now(),
            host_id: Some(host.host_id.clone()),
            lost: false,
        };
        let id = volume.into_active_model().insert(tx.db()).await?.volume_id;
        let attachment = volume_attachment::Model {
            volume_id: id.clone(),
            account_id: tx.account().to_owned(),
            instance_id: instance_id.to_owned(),
            device_name: disk.device_name.clone(),
            is_root: disk.is_root,
            delete_on_termination: disk.delete_on_termination,
            attach_time: tx.now(),
        };
        attachment.into_active_model().insert(tx.db()).await?;
        self.tag(tx, &VOLUME, &id).await
    }
}
