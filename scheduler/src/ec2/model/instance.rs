//! Instances.

use freehold_proto::Fault;
use freehold_proto::aws::ec2;

use crate::Settings;
use crate::ec2::cpu_options;
use crate::ec2::hostname;
use crate::ec2::maintenance_options;
use crate::ec2::message::{tags, timestamp};
use crate::ec2::shown::{Shown, Shows};
use crate::lifecycle::step::State;
use crate::store::read::instances::InstanceView;
use crate::store::read::interfaces::InterfaceView;
use crate::store::read::volumes::VolumeView;
use crate::store::{instance, security_group};

/// A terminated instance has left its network.
pub fn here(view: &InstanceView) -> bool {
    view.instance.state != State::Terminated.as_str()
}

pub fn groups(view: &InstanceView) -> impl Iterator<Item = &security_group::Model> {
    view.interfaces.first().into_iter().flat_map(|interface| &interface.groups).map(AsRef::as_ref)
}

pub fn public_address(view: &InstanceView) -> Option<&str> {
    view.interfaces.first().and_then(|interface| interface.public_address())
}

impl From<State> for ec2::InstanceState {
    fn from(state: State) -> Self {
        Self { code: Some(state.code()), name: Some(state.as_str().to_owned()) }
    }
}

impl Shows for InstanceView {
    type Message = ec2::Instance;

    fn message(&self, settings: &Settings) -> Result<ec2::Instance, Fault> {
        instance(self, settings)
    }
}

/// Instances, gathered into their reservations. `views` in the order in which they are to be shown.
pub fn reservations(views: impl IntoIterator<Item = Shown<InstanceView>>) -> Result<Vec<ec2::Reservation>, Fault> {
    let mut reservations: Vec<ec2::Reservation> = Vec::new();
    for view in views {
        let (id, owner_id) = (view.instance.reservation_id.clone(), view.instance.account_id.clone());
        let shown = view.into_message()?;
        match reservations.iter_mut().rev().find(|reservation| reservation.reservation_id.as_ref() == Some(&id)) {
            Some(reservation) => reservation.instances.push(shown),
            None => reservations.push(ec2::Reservation {
                reservation_id: Some(id),
                owner_id: Some(owner_id),
                // Only EC2-Classic had groups of a reservation.
                groups: Vec::new(),
                instances: vec![shown],
                requester_id: None,
            }),
        }
    }
    Ok(reservations)
}

fn instance(view: &InstanceView, settings: &Settings) -> Result<ec2::Instance, Fault> {
    let row = &view.instance;
    let hardware = hardware(view, settings);
    let network = if here(view) { network(view, settings) } else { ec2::Instance::default() };
    Ok(ec2::Instance {
        instance_id: Some(row.instance_id.clone()),
        image_id: Some(row.image_id.clone()),
        state: Some(row.state()?.into()),
        state_reason: state_reason(view),
        state_transition_reason: Some(row.state_transition_reason.clone()),
        key_name: row.key_name.clone(),
        ami_launch_index: Some(row.ami_launch_index),
        launch_time: Some(timestamp(row.launch_time)),
        client_token: Some(row.client_token.clone()),
        placement: Some(placement(view, settings)),
        monitoring: Some(monitoring(row)),
        block_device_mappings: view.volumes.iter().filter_map(block_device).collect(),
        metadata_options: Some(metadata_options(row)),
        tags: tags(&view.tags),
        // What the network gives.
        subnet_id: network.subnet_id,
        vpc_id: network.vpc_id,
        private_ip_address: network.private_ip_address,
        public_ip_address: network.public_ip_address,
        private_dns_name: Some(network.private_dns_name.unwrap_or_default()),
        public_dns_name: Some(network.public_dns_name.unwrap_or_default()),
        security_groups: network.security_groups,
        network_interfaces: network.network_interfaces,
        source_dest_check: network.source_dest_check,
        private_dns_name_options: network.private_dns_name_options,
        ..hardware
    })
}

/// What an instance of its type and image is made of.
fn hardware(view: &InstanceView, settings: &Settings) -> ec2::Instance {
    let row = &view.instance;
    let cpu = cpu_options::of(row, settings);
    ec2::Instance {
        instance_type: Some(row.instance_type.clone()),
        architecture: Some(row.architecture.clone()),
        ebs_optimized: Some(row.ebs_optimized),
        ena_support: Some(true),
        hypervisor: Some("xen".into()),
        virtualization_type: Some("hvm".into()),
        root_device_name: Some(row.root_device_name.clone()),
        root_device_type: Some("ebs".into()),
        platform_details: Some("Linux/UNIX".into()),
        usage_operation: Some("RunInstances".into()),
        usage_operation_update_time: Some(timestamp(row.created)),
        cpu_options: Some(ec2::CpuOptions {
            core_count: Some(cpu.core_count),
            threads_per_core: Some(cpu.threads_per_core),
            ..ec2::CpuOptions::default()
        }),
        boot_mode: Some("legacy-bios".into()),
        current_instance_boot_mode: Some("legacy-bios".into()),
        capacity_reservation_specification: Some(ec2::CapacityReservationSpecificationResponse {
            capacity_reservation_preference: Some("open".into()),
            ..ec2::CapacityReservationSpecificationResponse::default()
        }),
        hibernation_options: Some(ec2::HibernationOptions { configured: Some(false) }),
        enclave_options: Some(ec2::EnclaveOptions { enabled: Some(false) }),
        // No service of a provider's manages instances here.
        operator: Some(ec2::OperatorResponse { managed: Some(false), ..ec2::OperatorResponse::default() }),
        maintenance_options: Some(ec2::InstanceMaintenanceOptions {
            auto_recovery: Some(row.auto_recovery.clone()),
            reboot_migration: Some(maintenance_options::DEFAULT.to_owned()),
        }),
        ..ec2::Instance::default()
    }
}

fn network(view: &InstanceView, settings: &Settings) -> ec2::Instance {
    let row = &view.instance;
    ec2::Instance {
        subnet_id: Some(row.subnet_id.clone()),
        vpc_id: Some(row.vpc_id.clone()),
        private_ip_address: Some(row.private_ip_address.clone()),
        private_dns_name: Some(hostname::private_dns_name(row, settings)),
        public_ip_address: public_address(view).map(str::to_owned),
        public_dns_name: view.interfaces.first().and_then(|primary| primary.public_name(settings)),
        security_groups: groups(view).map(identifier).collect(),
        source_dest_check: view.interfaces.first().map(|interface| interface.interface.source_dest_check),
        network_interfaces: view.interfaces.iter().map(|interface| network_interface(interface, settings)).collect(),
        private_dns_name_options: Some(hostname::shown(row)),
        ..ec2::Instance::default()
    }
}

pub fn identifier(group: &security_group::Model) -> ec2::GroupIdentifier {
    ec2::GroupIdentifier { group_id: Some(group.group_id.clone()), group_name: Some(group.group_name.clone()) }
}

fn network_interface(view: &InterfaceView, settings: &Settings) -> ec2::InstanceNetworkInterface {
    let row = &view.interface;
    let association = |private: &str| {
        let address = view.public_of(private)?;
        Some(ec2::InstanceNetworkInterfaceAssociation {
            ip_owner_id: Some(view.ip_owner_id(address)),
            public_dns_name: Some(view.name_of(address, settings).unwrap_or_default()),
            public_ip: Some(address.to_owned()),
            ..ec2::InstanceNetworkInterfaceAssociation::default()
        })
    };
    let private = view.private_addresses.iter().map(|address| ec2::InstancePrivateIpAddress {
        association: association(&address.address),
        primary: Some(address.is_primary),
        private_dns_name: Some(settings.private_dns_name(&address.address)),
        private_ip_address: Some(address.address.clone()),
    });
    ec2::InstanceNetworkInterface {
        private_ip_addresses: private.collect(),
        attachment: view.attachment.as_ref().map(|attachment| ec2::InstanceNetworkInterfaceAttachment {
            attach_time: Some(timestamp(attachment.attach_time)),
            attachment_id: Some(attachment.attachment_id.clone()),
            delete_on_termination: Some(attachment.delete_on_termination),
            device_index: Some(attachment.device_index),
            status: Some(attachment.status.clone()),
            network_card_index: Some(0),
            ..ec2::InstanceNetworkInterfaceAttachment::default()
        }),
        association: association(view.primary_address()),
        description: Some(row.description.clone()),
        groups: view.groups.iter().map(|group| identifier(group)).collect(),
        interface_type: Some("interface".into()),
        mac_address: Some(row.mac_address.clone()),
        network_interface_id: Some(row.network_interface_id.clone()),
        owner_id: Some(row.account_id.clone()),
        private_dns_name: Some(settings.private_dns_name(view.primary_address())),
        private_ip_address: Some(view.primary_address().to_owned()),
        source_dest_check: Some(row.source_dest_check),
        status: Some("in-use".into()),
        subnet_id: Some(row.subnet_id.clone()),
        vpc_id: Some(row.vpc_id.clone()),
        ..ec2::InstanceNetworkInterface::default()
    }
}

pub fn block_device(view: &VolumeView) -> Option<ec2::InstanceBlockDeviceMapping> {
    let attachment = view.attachment.as_ref()?;
    Some(ec2::InstanceBlockDeviceMapping {
        device_name: Some(attachment.device_name.clone()),
        ebs: Some(ec2::EbsInstanceBlockDevice {
            attach_time: Some(timestamp(attachment.attach_time)),
            delete_on_termination: Some(attachment.delete_on_termination),
            status: Some("attached".into()),
            volume_id: Some(view.volume.volume_id.clone()),
            ..ec2::EbsInstanceBlockDevice::default()
        }),
    })
}

fn placement(view: &InstanceView, settings: &Settings) -> ec2::Placement {
    let group = view.placement_group.as_ref();
    ec2::Placement {
        availability_zone: Some(view.instance.availability_zone.clone()),
        availability_zone_id: settings.zone(&view.instance.availability_zone).map(|zone| zone.id.clone()),
        // EC2 says of whatever is in none that its group has no name.
        group_name: Some(group.map(|group| group.group_name.clone()).unwrap_or_default()),
        group_id: group.map(|group| group.group_id.clone()),
        partition_number: view.instance.partition_number,
        tenancy: Some("default".into()),
        ..ec2::Placement::default()
    }
}

pub fn monitoring(row: &instance::Model) -> ec2::Monitoring {
    ec2::Monitoring { state: Some(if row.monitoring { "enabled" } else { "disabled" }.into()) }
}

/// What its host was told and has not said to have carried out is pending. While it is off, nothing waits for it.
pub fn metadata_options(row: &instance::Model) -> ec2::InstanceMetadataOptionsResponse {
    let pending = row.observed_generation < row.generation && matches!(row.state(), Ok(State::Pending | State::Running));
    ec2::InstanceMetadataOptionsResponse {
        state: Some(if pending { "pending" } else { "applied" }.into()),
        http_tokens: Some(row.http_tokens.clone()),
        http_put_response_hop_limit: Some(row.http_put_response_hop_limit),
        http_endpoint: Some(row.http_endpoint.clone()),
        http_protocol_ipv6: Some("disabled".into()),
        instance_metadata_tags: Some(row.instance_metadata_tags.clone()),
    }
}

/// EC2 gives one while an instance comes, and when it has gone or goes.
fn state_reason(view: &InstanceView) -> Option<ec2::StateReason> {
    let row = &view.instance;
    let (code, message) = match (&row.state_reason_code, &row.state_reason_message) {
        (Some(code), Some(message)) => (code.clone(), message.clone()),
        _ if row.state == State::Pending.as_str() => ("pending".to_owned(), "pending".to_owned()),
        _ => return None,
    };
    Some(ec2::StateReason { code: Some(code), message: Some(message) })
}
