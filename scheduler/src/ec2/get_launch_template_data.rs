//! `GetLaunchTemplateData`: an instance as the data of a template.

use std::slice;

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::cpu_options;
use super::find::named;
use super::message::{int, tags};
use super::model::instance::groups;
use super::resolve::INSTANCE;
use crate::Settings;
use crate::engine::{Ask, Query};
use crate::store::read::instances::InstanceView;
use crate::store::read::interfaces::InterfaceView;
use crate::store::read::volumes::VolumeView;
use crate::store::{Outcome, instance};

impl Query for ec2::GetLaunchTemplateDataRequest {
    const ERRORS: &'static [ErrorCode] = &[ErrorCode::InvalidInstanceIdMalformed, ErrorCode::InvalidInstanceIdNotFound];

    async fn answer(self, ask: &Ask) -> Outcome<ec2::GetLaunchTemplateDataResult> {
        let found: Vec<InstanceView> = named(&ask.rows(), ask.account(), &INSTANCE, slice::from_ref(&self.instance_id))?;
        let view = found.first().ok_or_else(|| INSTANCE.absent(&self.instance_id))?;
        Ok(ec2::GetLaunchTemplateDataResult { launch_template_data: Some(data(view, &ask.settings)) })
    }
}

fn data(view: &InstanceView, settings: &Settings) -> ec2::ResponseLaunchTemplateData {
    let (row, group) = (&view.instance, view.placement_group.as_ref());
    let cpu = cpu_options::of(row, settings);
    ec2::ResponseLaunchTemplateData {
        image_id: Some(row.image_id.clone()),
        instance_type: Some(row.instance_type.clone()),
        key_name: row.key_name.clone(),
        user_data: row.user_data.clone(),
        ebs_optimized: Some(row.ebs_optimized),
        disable_api_stop: Some(row.disable_api_stop),
        disable_api_termination: Some(row.disable_api_termination),
        instance_initiated_shutdown_behavior: Some(row.instance_initiated_shutdown_behavior.clone()),
        monitoring: Some(ec2::LaunchTemplatesMonitoring { enabled: Some(row.monitoring) }),
        placement: Some(ec2::LaunchTemplatePlacement {
            availability_zone: Some(row.availability_zone.clone()),
            group_name: Some(group.map(|group| group.group_name.clone()).unwrap_or_default()),
            partition_number: row.partition_number,
            tenancy: Some("default".into()),
            ..Default::default()
        }),
        credit_specification: row.cpu_credits.clone().map(|credits| ec2::CreditSpecification { cpu_credits: Some(credits) }),
        cpu_options: Some(ec2::LaunchTemplateCpuOptions {
            core_count: Some(cpu.core_count),
            threads_per_core: Some(cpu.threads_per_core),
            ..Default::default()
        }),
        hibernation_options: Some(ec2::LaunchTemplateHibernationOptions { configured: Some(false) }),
        metadata_options: Some(metadata_options(row)),
        maintenance_options: Some(ec2::LaunchTemplateInstanceMaintenanceOptions { auto_recovery: Some(row.auto_recovery.clone()) }),
        private_dns_name_options: Some(ec2::LaunchTemplatePrivateDnsNameOptions {
            hostname_type: Some(row.hostname_type.clone()),
            enable_resource_name_dns_a_record: Some(row.resource_name_dns_a_record),
            enable_resource_name_dns_aaaa_record: Some(false),
        }),
        block_device_mappings: view.volumes.iter().filter_map(block_device).collect(),
        network_interfaces: view.interfaces.iter().map(|interface| network_interface(view, interface)).collect(),
        tag_specifications: tag_specifications(view),
        ..Default::default()
    }
}

fn metadata_options(row: &instance::Model) -> ec2::LaunchTemplateInstanceMetadataOptions {
    ec2::LaunchTemplateInstanceMetadataOptions {
        http_tokens: Some(row.http_tokens.clone()),
        http_put_response_hop_limit: Some(row.http_put_response_hop_limit),
        http_endpoint: Some(row.http_endpoint.clone()),
        instance_metadata_tags: Some(row.instance_metadata_tags.clone()),
        ..Default::default()
    }
}

fn block_device(view: &VolumeView) -> Option<ec2::LaunchTemplateBlockDeviceMapping> {
    let (attachment, volume) = (view.attachment.as_ref()?, &view.volume);
    let ebs = ec2::LaunchTemplateEbsBlockDevice {
        encrypted: Some(false),
        delete_on_termination: Some(attachment.delete_on_termination),
        iops: int(volume.iops),
        snapshot_id: Some(volume.snapshot_id.clone()),
        throughput: int(volume.throughput),
        volume_size: int(volume.size_gib),
        volume_type: Some(volume.volume_type.clone()),
        ..Default::default()
    };
    Some(ec2::LaunchTemplateBlockDeviceMapping { device_name: Some(attachment.device_name.clone()), ebs: Some(ebs), ..Default::default() })
}

/// The interface's id and addresses are among it, as in EC2's answer: who wants to launch of it leaves them out.
fn network_interface(view: &InstanceView, interface: &InterfaceView) -> ec2::LaunchTemplateInstanceNetworkInterfaceSpecification {
    let (row, attachment) = (&interface.interface, interface.attachment.as_ref());
    let private = interface.private_addresses.iter().map(|address| ec2::PrivateIpAddressSpecification {
        primary: Some(address.is_primary),
        private_ip_address: Some(address.address.clone()),
    });
    ec2::LaunchTemplateInstanceNetworkInterfaceSpecification {
        associate_public_ip_address: Some(view.instance.associate_public_ip_address),
        delete_on_termination: attachment.map(|attachment| attachment.delete_on_termination),
        description: Some(row.description.clone()),
        device_index: attachment.map(|attachment| attachment.device_index),
        groups: groups(view).map(|group| group.group_id.clone()).collect(),
        network_interface_id: Some(row.network_interface_id.clone()),
        private_ip_address: Some(interface.primary_address().to_owned()),
        private_ip_addresses: private.collect(),
        subnet_id: Some(row.subnet_id.clone()),
        ..Default::default()
    }
}

/// The client's own tags: what begins with `aws:` no template may give.
fn tag_specifications(view: &InstanceView) -> Vec<ec2::LaunchTemplateTagSpecification> {
    let own = view.tags.iter().filter(|(key, _)| !key.starts_with("aws:"));
    let own = own.map(|(key, value)| (key.clone(), value.clone())).collect();
    let specification = ec2::LaunchTemplateTagSpecification { resource_type: Some(INSTANCE.resource_type.into()), tags: tags(&own) };
    Some(specification).filter(|specification| !specification.tags.is_empty()).into_iter().collect()
}
