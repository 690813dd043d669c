//! Instance types.

use freehold_proto::aws::ec2;

use crate::ec2::message::int;
use crate::filter::{Table, flag};
use crate::instance_type::{EbsFigures, InstanceType};

pub const FILTERS: Table<InstanceType> = Table {
    names: &[
        ("bare-metal", |_, say| say("false")),
        ("burstable-performance-supported", |entry, say| say(flag(entry.burstable))),
        ("current-generation", |_, say| say("true")),
        ("ebs-info.ebs-optimized-support", |entry, say| say(ebs_optimized_support(entry))),
        ("free-tier-eligible", |entry, say| say(flag(entry.free_tier_eligible()))),
        ("hypervisor", |entry, say| say(&entry.hypervisor)),
        ("instance-storage-supported", |_, say| say("false")),
        ("instance-type", |entry, say| say(&entry.name)),
        ("memory-info.size-in-mib", |entry, say| say(&entry.memory_mib.to_string())),
        ("network-info.ipv4-addresses-per-interface", |entry, say| say(&entry.addresses_per_interface.to_string())),
        ("network-info.maximum-network-interfaces", |entry, say| say(&entry.interfaces.to_string())),
        ("network-info.network-performance", |entry, say| say(&entry.network)),
        ("processor-info.supported-architecture", |entry, say| say(entry.architecture())),
        ("processor-info.sustained-clock-speed-in-ghz", |entry, say| say(&entry.clock_ghz.to_string())),
        ("supported-root-device-type", |_, say| say("ebs")),
        ("supported-usage-class", |_, say| say("on-demand")),
        ("supported-virtualization-type", |_, say| say("hvm")),
        ("vcpu-info.default-cores", |entry, say| say(&entry.cores().to_string())),
        ("vcpu-info.default-threads-per-core", |entry, say| say(&entry.threads_per_core.to_string())),
        ("vcpu-info.default-vcpus", |entry, say| say(&entry.vcpus.to_string())),
    ],
    tags: None,
};

fn ebs_optimized_support(entry: &InstanceType) -> &'static str {
    if entry.ebs.is_some() { "default" } else { "unsupported" }
}

impl From<&InstanceType> for ec2::InstanceTypeInfo {
    fn from(entry: &InstanceType) -> Self {
        Self {
            instance_type: Some(entry.name.clone()),
            current_generation: Some(true),
            free_tier_eligible: Some(entry.free_tier_eligible()),
            supported_usage_classes: vec!["on-demand".into()],
            supported_root_device_types: vec!["ebs".into()],
            supported_virtualization_types: vec!["hvm".into()],
            bare_metal: Some(false),
            hypervisor: Some(entry.hypervisor.clone()),
            processor_info: Some(processor(entry)),
            v_cpu_info: Some(vcpus(entry)),
            memory_info: Some(ec2::MemoryInfo { size_in_mi_b: i64::try_from(entry.memory_mib).ok() }),
            instance_storage_supported: Some(false),
            ebs_info: Some(ebs(entry)),
            network_info: Some(network(entry)),
            // There are no placement groups so far; clients take a type without the element for no type.
            placement_group_info: Some(ec2::PlacementGroupInfo::default()),
            hibernation_supported: Some(false),
            burstable_performance_supported: Some(entry.burstable),
            dedicated_hosts_supported: Some(false),
            auto_recovery_supported: Some(false),
            supported_boot_modes: vec!["legacy-bios".into()],
            ..Self::default()
        }
    }
}

fn processor(entry: &InstanceType) -> ec2::ProcessorInfo {
    ec2::ProcessorInfo {
        supported_architectures: vec![entry.architecture().into()],
        sustained_clock_speed_in_ghz: Some(entry.clock_ghz),
        manufacturer: Some(entry.manufacturer.clone()),
        ..Default::default()
    }
}

fn vcpus(entry: &InstanceType) -> ec2::VCpuInfo {
    ec2::VCpuInfo {
        default_v_cpus: int(entry.vcpus),
        default_cores: int(entry.cores()),
        default_threads_per_core: int(entry.threads_per_core),
        ..Default::default()
    }
}

fn ebs(entry: &InstanceType) -> ec2::EbsInfo {
    // EC2 gives throughput in MB/s beside bandwidth in Mbps: an eighth.
    let figures = |ebs: EbsFigures| ec2::EbsOptimizedInfo {
        baseline_bandwidth_in_mbps: int(ebs.baseline_mbps),
        baseline_throughput_in_m_bps: Some(f64::from(ebs.baseline_mbps) / 8.0),
        baseline_iops: int(ebs.baseline_iops),
        maximum_bandwidth_in_mbps: int(ebs.maximum_mbps),
        maximum_throughput_in_m_bps: Some(f64::from(ebs.maximum_mbps) / 8.0),
        maximum_iops: int(ebs.maximum_iops),
    };
    ec2::EbsInfo {
        ebs_optimized_support: Some(ebs_optimized_support(entry).into()),
        encryption_support: Some("unsupported".into()),
        ebs_optimized_info: entry.ebs.map(figures),
        nvme_support: Some("unsupported".into()),
        ..Default::default()
    }
}

fn network(entry: &InstanceType) -> ec2::NetworkInfo {
    ec2::NetworkInfo {
        network_performance: Some(entry.network.clone()),
        maximum_network_interfaces: int(entry.interfaces),
        maximum_network_cards: Some(1),
        default_network_card_index: Some(0),
        network_cards: vec![ec2::NetworkCardInfo {
            network_card_index: Some(0),
            network_performance: Some(entry.network.clone()),
            maximum_network_interfaces: int(entry.interfaces),
            ..Default::default()
        }],
        ipv4_addresses_per_interface: int(entry.addresses_per_interface),
        ipv6_addresses_per_interface: Some(0),
        ipv6_supported: Some(false),
        ena_support: Some("unsupported".into()),
        efa_supported: Some(false),
        ..Default::default()
    }
}
