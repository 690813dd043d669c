//! Every filter that EC2 documents of `DescribeInstances`.
//! Source: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html>.

use super::instance::{groups, here, public_address};
use crate::ec2::shown::{Shown, never, shown};
use crate::filter::Table;
use crate::lifecycle::step::State;
use crate::store::read::instances::InstanceView;
use crate::store::read::interfaces::InterfaceView;

type Instance = Shown<InstanceView>;

/// Those that are asked by most read the rows; the others what is shown.
pub const FILTERS: Table<Instance> = Table {
    names: &[
        shown!("affinity" => placement.affinity),
        ("architecture", |view, say| say(&view.instance.architecture)),
        ("availability-zone", |view, say| say(&view.instance.availability_zone)),
        shown!("availability-zone-id" => placement.availability_zone_id),
        shown!("block-device-mapping.attach-time" => block_device_mappings.ebs.attach_time),
        shown!("block-device-mapping.delete-on-termination" => block_device_mappings.ebs.delete_on_termination),
        shown!("block-device-mapping.device-name" => block_device_mappings.device_name),
        shown!("block-device-mapping.status" => block_device_mappings.ebs.status),
        ("block-device-mapping.volume-id", |view, say| view.volumes.iter().for_each(|volume| say(&volume.volume.volume_id))),
        shown!("boot-mode" => boot_mode),
        shown!("capacity-reservation-id" => capacity_reservation_id),
        shown!("capacity-reservation-specification.capacity-reservation-preference"
            => capacity_reservation_specification.capacity_reservation_preference),
        shown!("capacity-reservation-specification.capacity-reservation-target.capacity-reservation-id"
            => capacity_reservation_specification.capacity_reservation_target.capacity_reservation_id),
        shown!("capacity-reservation-specification.capacity-reservation-target.capacity-reservation-resource-group-arn"
            => capacity_reservation_specification.capacity_reservation_target.capacity_reservation_resource_group_arn),
        ("client-token", |view, say| say(&view.instance.client_token)),
        shown!("current-instance-boot-mode" => current_instance_boot_mode),
        shown!("dns-name" => public_dns_name),
        shown!("ebs-optimized" => ebs_optimized),
        shown!("ena-support" => ena_support),
        shown!("enclave-options.enabled" => enclave_options.enabled),
        shown!("hibernation-options.configured" => hibernation_options.configured),
        shown!("host-id" => placement.host_id),
        shown!("hypervisor" => hypervisor),
        shown!("iam-instance-profile.arn" => iam_instance_profile.arn),
        shown!("iam-instance-profile.id" => iam_instance_profile.id),
        never!("iam-instance-profile.name"),
        ("image-id", |view, say| say(&view.instance.image_id)),
        ("instance-id", |view, say| say(&view.instance.instance_id)),
        shown!("instance-lifecycle" => instance_lifecycle),
        ("instance-state-code", |view, say| {
            if let Some(state) = State::parse(&view.instance.state) {
                say(&state.code().to_string());
            }
        }),
        ("instance-state-name", |view, say| say(&view.instance.state)),
        ("instance-type", |view, say| say(&view.instance.instance_type)),
        ("instance.group-id", |view, say| groups(view).for_each(|group| say(&group.group_id))),
        ("instance.group-name", |view, say| groups(view).for_each(|group| say(&group.group_name))),
        ("ip-address", |view, say| public_address(view).into_iter().for_each(say)),
        shown!("ipv6-address" => ipv6_address),
        shown!("kernel-id" => kernel_id),
        ("key-name", |view, say| view.instance.key_name.iter().for_each(|name| say(name))),
        shown!("launch-index" => ami_launch_index),
        shown!("launch-time" => launch_time),
        shown!("maintenance-options.auto-recovery" => maintenance_options.auto_recovery),
        shown!("metadata-options.http-endpoint" => metadata_options.http_endpoint),
        // Where the metadata service is, it is there by IPv4; the message does not say so.
        ("metadata-options.http-protocol-ipv4", |_, say| say("enabled")),
        shown!("metadata-options.http-protocol-ipv6" => metadata_options.http_protocol_ipv6),
        shown!("metadata-options.http-put-response-hop-limit" => metadata_options.http_put_response_hop_limit),
        shown!("metadata-options.http-tokens" => metadata_options.http_tokens),
        shown!("metadata-options.instance-metadata-tags" => metadata_options.instance_metadata_tags),
        shown!("metadata-options.state" => metadata_options.state),
        ("monitoring-state", |view, say| say(if view.instance.monitoring { "enabled" } else { "disabled" })),
        ("network-interface.addresses.association.allocation-id", |view, say| elastic(view).for_each(|row| say(&row.allocation_id))),
        ("network-interface.addresses.association.association-id", |view, say| associations(view).for_each(say)),
        shown!("network-interface.addresses.association.carrier-ip" => network_interfaces.private_ip_addresses.association.carrier_ip),
        shown!("network-interface.addresses.association.customer-owned-ip"
            => network_interfaces.private_ip_addresses.association.customer_owned_ip),
        shown!("network-interface.addresses.association.ip-owner-id" => network_interfaces.private_ip_addresses.association.ip_owner_id),
        shown!("network-interface.addresses.association.public-dns-name"
            => network_interfaces.private_ip_addresses.association.public_dns_name),
        shown!("network-interface.addresses.association.public-ip" => network_interfaces.private_ip_addresses.association.public_ip),
        shown!("network-interface.addresses.primary" => network_interfaces.private_ip_addresses.primary),
        shown!("network-interface.addresses.private-dns-name" => network_interfaces.private_ip_addresses.private_dns_name),
        shown!("network-interface.addresses.private-ip-address" => network_interfaces.private_ip_addresses.private_ip_address),
        ("network-interface.association.allocation-id", |view, say| elastic(view).for_each(|row| say(&row.allocation_id))),
        ("network-interface.association.association-id", |view, say| associations(view).for_each(say)),
        shown!("network-interface.association.carrier-ip" => network_interfaces.association.carrier_ip),
        shown!("network-interface.association.customer-owned-ip" => network_interfaces.association.customer_owned_ip),
        shown!("network-interface.association.ip-owner-id" => network_interfaces.association.ip_owner_id),
        shown!("network-interface.association.public-dns-name" => network_interfaces.association.public_dns_name),
        shown!("network-interface.association.public-ip" => network_interfaces.association.public_ip),
        shown!("network-interface.attachment.attach-time" => network_interfaces.attachment.attach_time),
        shown!("network-interface.attachment.attachment-id" => network_interfaces.attachment.attachment_id),
        shown!("network-interface.attachment.delete-on-termination" => network_interfaces.attachment.delete_on_termination),
        shown!("network-interface.attachment.device-index" => network_interfaces.attachment.device_index),
        ("network-interface.attachment.instance-id", |view, say| attachments(view).for_each(|_| say(&view.instance.instance_id))),
        ("network-interface.attachment.instance-owner-id", |view, say| attachments(view).for_each(|_| say(&view.instance.account_id))),
        shown!("network-interface.attachment.network-card-index" => network_interfaces.attachment.network_card_index),
        shown!("network-interface.attachment.status" => network_interfaces.attachment.status),
        ("network-interface.availability-zone", |view, say| attachments(view).for_each(|_| say(&view.instance.availability_zone))),
        never!("network-interface.deny-all-igw-traffic"),
        shown!("network-interface.description" => network_interfaces.description),
        shown!("network-interface.group-id" => network_interfaces.groups.group_id),
        shown!("network-interface.group-name" => network_interfaces.groups.group_name),
        shown!("network-interface.ipv4-prefixes.ipv4-prefix" => network_interfaces.ipv4_prefixes.ipv4_prefix),
        shown!("network-interface.ipv6-address" => network_interfaces.ipv6_addresses.ipv6_address),
        shown!("network-interface.ipv6-addresses.ipv6-address" => network_interfaces.ipv6_addresses.ipv6_address),
        shown!("network-interface.ipv6-addresses.is-primary-ipv6" => network_interfaces.ipv6_addresses.is_primary_ipv6),
        never!("network-interface.ipv6-native"),
        shown!("network-interface.ipv6-prefixes.ipv6-prefix" => network_interfaces.ipv6_prefixes.ipv6_prefix),
        shown!("network-interface.mac-address" => network_interfaces.mac_address),
        ("network-interface.network-interface-id", |view, say| {
            view.interfaces.iter().for_each(|interface| say(&interface.interface.network_interface_id));
        }),
        shown!("network-interface.operator.managed" => network_interfaces.operator.managed),
        shown!("network-interface.operator.principal" => network_interfaces.operator.principal),
        never!("network-interface.outpost-arn"),
        shown!("network-interface.owner-id" => network_interfaces.owner_id),
        shown!("network-interface.private-dns-name" => network_interfaces.private_dns_name),
        shown!("network-interface.private-ip-address" => network_interfaces.private_ip_address),
        shown!("network-interface.public-dns-name" => network_interfaces.association.public_dns_name),
        never!("network-interface.requester-id"),
        ("network-interface.requester-managed", |view, say| attachments(view).for_each(|_| say("false"))),
        shown!("network-interface.source-dest-check" => network_interfaces.source_dest_check),
        shown!("network-interface.status" => network_interfaces.status),
        shown!("network-interface.subnet-id" => network_interfaces.subnet_id),
        ("network-interface.tag-key", |view, say| tags(view).for_each(|(key, _)| say(key))),
        ("network-interface.tag-value", |view, say| tags(view).for_each(|(_, value)| say(value))),
        shown!("network-interface.vpc-id" => network_interfaces.vpc_id),
        shown!("network-performance-options.bandwidth-weighting" => network_performance_options.bandwidth_weighting),
        shown!("operator.managed" => operator.managed),
        shown!("operator.principal" => operator.principal),
        shown!("outpost-arn" => outpost_arn),
        ("owner-id", |view, say| say(&view.instance.account_id)),
        ("placement-group-name", |view, say| view.placement_group.iter().for_each(|group| say(&group.group_name))),
        shown!("placement-partition-number" => placement.partition_number),
        shown!("platform" => platform),
        shown!("platform-details" => platform_details),
        shown!("private-dns-name" => private_dns_name),
        shown!("private-dns-name-options.enable-resource-name-dns-a-record" => private_dns_name_options.enable_resource_name_dns_a_record),
        shown!("private-dns-name-options.enable-resource-name-dns-aaaa-record"
            => private_dns_name_options.enable_resource_name_dns_aaaa_record),
        shown!("private-dns-name-options.hostname-type" => private_dns_name_options.hostname_type),
        shown!("private-ip-address" => private_ip_address),
        shown!("product-code" => product_codes.product_code_id),
        shown!("product-code.type" => product_codes.product_code_type),
        shown!("ramdisk-id" => ramdisk_id),
        shown!("reason" => state_transition_reason),
        never!("requester-id"),
        ("reservation-id", |view, say| say(&view.instance.reservation_id)),
        shown!("root-device-name" => root_device_name),
        shown!("root-device-type" => root_device_type),
        shown!("source-dest-check" => source_dest_check),
        shown!("spot-instance-request-id" => spot_instance_request_id),
        shown!("state-reason-code" => state_reason.code),
        shown!("state-reason-message" => state_reason.message),
        ("subnet-id", |view, say| {
            if here(view) {
                say(&view.instance.subnet_id);
            }
        }),
        shown!("tenancy" => placement.tenancy),
        shown!("tpm-support" => tpm_support),
        shown!("usage-operation" => usage_operation),
        shown!("usage-operation-update-time" => usage_operation_update_time),
        shown!("virtualization-type" => virtualization_type),
        ("vpc-id", |view, say| {
            if here(view) {
                say(&view.instance.vpc_id);
            }
        }),
    ],
    tags: Some(|view, say| view.tags.iter().for_each(|(key, value)| say(key, value))),
};

fn attachments(view: &InstanceView) -> impl Iterator<Item = &InterfaceView> {
    view.interfaces.iter().filter(|interface| interface.attachment.is_some())
}

fn tags(view: &InstanceView) -> impl Iterator<Item = (&String, &String)> {
    view.interfaces.iter().flat_map(|interface| &interface.tags)
}

fn elastic(view: &InstanceView) -> impl Iterator<Item = &crate::store::elastic_address::Model> {
    view.interfaces.iter().flat_map(|interface| &interface.elastic_addresses).map(AsRef::as_ref)
}

fn associations(view: &InstanceView) -> impl Iterator<Item = &str> {
    elastic(view).filter_map(|row| row.association_id.as_deref())
}
