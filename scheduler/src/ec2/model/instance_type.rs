//! Instance types.
//!
//! Sizes and speeds are AWS's figures; what a guest has or has not got is said as it is here: its disks and its network are virtio's, and
//! there is neither encryption nor IPv6, no enclave, no hibernation, no bare metal, no local disk and no accelerator.

use freehold_proto::aws::ec2;

use crate::ec2::message::int;
use crate::filter::{Table, flag};
use crate::instance_type::{Architecture, EbsFigures, InstanceType};

pub const FILTERS: Table<InstanceType> = Table {
    names: &[
        ("auto-recovery-supported", |_, say| say("false")),
        ("bare-metal", |_, say| say("false")),
        ("burstable-performance-supported", |entry, say| say(flag(entry.burstable))),
        ("current-generation", |entry, say| say(flag(entry.current))),
        ("dedicated-hosts-supported", |_, say| say("false")),
        // How many volumes a type takes is not limited yet: there is no value.
        ("ebs-info.attachment-limit-type", |_, _| {}),
        ("ebs-info.ebs-optimized-info.baseline-bandwidth-in-mbps", |entry, say| ebs_figure(entry, say, |ebs| ebs.baseline_mbps)),
        ("ebs-info.ebs-optimized-info.baseline-iops", |entry, say| ebs_figure(entry, say, |ebs| ebs.baseline_iops)),
        ("ebs-info.ebs-optimized-info.baseline-throughput-in-mbps", |entry, say| {
            ebs_figure(entry, say, |ebs| throughput(ebs.baseline_mbps));
        }),
        ("ebs-info.ebs-optimized-info.maximum-bandwidth-in-mbps", |entry, say| ebs_figure(entry, say, |ebs| ebs.maximum_mbps)),
        ("ebs-info.ebs-optimized-info.maximum-iops", |entry, say| ebs_figure(entry, say, |ebs| ebs.maximum_iops)),
        ("ebs-info.ebs-optimized-info.maximum-throughput-in-mbps", |entry, say| {
            ebs_figure(entry, say, |ebs| throughput(ebs.maximum_mbps));
        }),
        ("ebs-info.ebs-optimized-support", |entry, say| say(ebs_optimized_support(entry))),
        ("ebs-info.encryption-support", |_, say| say("unsupported")),
        ("ebs-info.maximum-ebs-attachments", |_, _| {}),
        ("ebs-info.nvme-support", |_, say| say("unsupported")),
        ("free-tier-eligible", |entry, say| say(flag(entry.free_tier_eligible()))),
        ("hibernation-supported", |_, say| say("false")),
        ("hypervisor", |entry, say| say(entry.hypervisor.as_str())),
        // No type has instance storage: these have no value.
        ("instance-storage-info.disk.count", |_, _| {}),
        ("instance-storage-info.disk.size-in-gb", |_, _| {}),
        ("instance-storage-info.disk.type", |_, _| {}),
        ("instance-storage-info.encryption-support", |_, _| {}),
        ("instance-storage-info.nvme-support", |_, _| {}),
        ("instance-storage-info.total-size-in-gb", |_, _| {}),
        ("instance-storage-supported", |_, say| say("false")),
        ("instance-type", |entry, say| say(&entry.name)),
        ("memory-info.size-in-mib", |entry, say| say(&entry.memory_mib.to_string())),
        ("network-info.bandwidth-weightings", |_, _| {}),
        ("network-info.efa-info.maximum-efa-interfaces", |_, _| {}),
        ("network-info.efa-supported", |_, say| say("false")),
        ("network-info.ena-support", |_, say| say("unsupported")),
        ("network-info.encryption-in-transit-supported", |_, say| say("false")),
        ("network-info.flexible-ena-queues-support", |_, say| say("unsupported")),
        ("network-info.ipv4-addresses-per-interface", |entry, say| say(&entry.addresses_per_interface.to_string())),
        ("network-info.ipv6-addresses-per-interface", |_, say| say("0")),
        ("network-info.ipv6-supported", |_, say| say("false")),
        ("network-info.maximum-network-cards", |_, say| say("1")),
        ("network-info.maximum-network-interfaces", |entry, say| say(&entry.interfaces.to_string())),
        ("network-info.network-performance", |entry, say| say(&entry.network)),
        ("nitro-enclaves-support", |_, say| say("unsupported")),
        ("nitro-tpm-info.supported-versions", |_, _| {}),
        ("nitro-tpm-support", |_, say| say("unsupported")),
        ("processor-info.supported-architecture", |entry, say| say(entry.architecture())),
        ("processor-info.supported-features", |_, _| {}),
        ("processor-info.sustained-clock-speed-in-ghz", |entry, say| say(&entry.clock_ghz.to_string())),
        ("reboot-migration-support", |_, say| say("unsupported")),
        ("supported-boot-mode", |entry, say| say(boot_mode(entry))),
        ("supported-root-device-type", |_, say| say("ebs")),
        ("supported-usage-class", |_, say| say("on-demand")),
        ("supported-virtualization-type", |_, say| say("hvm")),
        ("vcpu-info.default-cores", |entry, say| say(&entry.cores().to_string())),
        ("vcpu-info.default-threads-per-core", |entry, say| say(&entry.threads_per_core.to_string())),
        ("vcpu-info.default-vcpus", |entry, say| say(&entry.vcpus.to_string())),
        ("vcpu-info.valid-cores", |entry, say| entry.valid_cores.iter().for_each(|count| say(&count.to_string()))),
        ("vcpu-info.valid-threads-per-core", |entry, say| {
            entry.valid_threads_per_core().iter().for_each(|count| say(&count.to_string()));
        }),
    ],
    tags: None,
};

fn ebs_figure<T: ToString>(entry: &InstanceType, say: &mut dyn FnMut(&str), figure: fn(EbsFigures) -> T) {
    if let Some(ebs) = entry.ebs {
        say(&figure(ebs).to_string());
    }
}

/// EC2 gives throughput in MB/s beside bandwidth in Mbps: an eighth, to two places.
fn throughput(mbps: u32) -> f64 {
    (f64::from(mbps) / 8.0 * 100.0).round_ties_even() / 100.0
}

fn ebs_optimized_support(entry: &InstanceType) -> &'static str {
    if entry.ebs.is_some() { "default" } else { "unsupported" }
}

fn boot_mode(entry: &InstanceType) -> &'static str {
    match entry.architecture {
        Architecture::X86 => "legacy-bios",
        Architecture::Arm => "uefi",
    }
}

/// Source: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/placement-strategies.html>: burstable types are in no cluster.
fn strategies(entry: &InstanceType) -> Vec<String> {
    let words = ["cluster", "partition", "spread"];
    words.into_iter().skip(usize::from(entry.burstable)).map(Into::into).collect()
}

impl From<&InstanceType> for ec2::InstanceTypeInfo {
    fn from(entry: &InstanceType) -> Self {
        Self {
            instance_type: Some(entry.name.clone()),
            current_generation: Some(entry.current),
            free_tier_eligible: Some(entry.free_tier_eligible()),
            supported_usage_classes: vec!["on-demand".into()],
            supported_root_device_types: vec!["ebs".into()],
            supported_virtualization_types: vec!["hvm".into()],
            bare_metal: Some(false),
            hypervisor: Some(entry.hypervisor.as_str().into()),
            processor_info: Some(processor(entry)),
            v_cpu_info: Some(vcpus(entry)),
            memory_info: Some(ec2::MemoryInfo { size_in_mi_b: i64::try_from(entry.memory_mib).ok() }),
            instance_storage_supported: Some(false),
            ebs_info: Some(ebs(entry)),
            network_info: Some(network(entry)),
            placement_group_info: Some(ec2::PlacementGroupInfo { supported_strategies: strategies(entry) }),
            hibernation_supported: Some(false),
            burstable_performance_supported: Some(entry.burstable),
            dedicated_hosts_supported: Some(false),
            auto_recovery_supported: Some(false),
            supported_boot_modes: vec![boot_mode(entry).into()],
            nitro_enclaves_support: Some("unsupported".into()),
            nitro_tpm_support: Some("unsupported".into()),
            phc_support: Some("unsupported".into()),
            reboot_migration_support: Some("unsupported".into()),
            supported_in_region: Some(true),
            ..Self::default()
        }
    }
}

fn processor(entry: &InstanceType) -> ec2::ProcessorInfo {
    ec2::ProcessorInfo {
        supported_architectures: vec![entry.architecture().into()],
        sustained_clock_speed_in_ghz: Some(entry.clock_ghz),
        manufacturer: Some(entry.manufacturer.as_str().into()),
        ..Default::default()
    }
}

fn vcpus(entry: &InstanceType) -> ec2::VCpuInfo {
    let counts = |counts: &[u32]| counts.iter().filter_map(|count| int(*count)).collect();
    ec2::VCpuInfo {
        default_v_cpus: int(entry.vcpus),
        default_cores: int(entry.cores()),
        default_threads_per_core: int(entry.threads_per_core),
        valid_cores: counts(&entry.valid_cores),
        valid_threads_per_core: counts(&entry.valid_threads_per_core()),
    }
}

fn ebs(entry: &InstanceType) -> ec2::EbsInfo {
    let figures = |ebs: EbsFigures| ec2::EbsOptimizedInfo {
        baseline_bandwidth_in_mbps: int(ebs.baseline_mbps),
        baseline_throughput_in_m_bps: Some(throughput(ebs.baseline_mbps)),
        baseline_iops: int(ebs.baseline_iops),
        maximum_bandwidth_in_mbps: int(ebs.maximum_mbps),
        maximum_throughput_in_m_bps: Some(throughput(ebs.maximum_mbps)),
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
            baseline_bandwidth_in_gbps: entry.gbps.map(|[baseline, _]| baseline),
            peak_bandwidth_in_gbps: entry.gbps.map(|[_, peak]| peak),
            ..Default::default()
        }],
        ipv4_addresses_per_interface: int(entry.addresses_per_interface),
        ipv6_addresses_per_interface: Some(0),
        ipv6_supported: Some(false),
        ena_support: Some("unsupported".into()),
        efa_supported: Some(false),
        encryption_in_transit_supported: Some(false),
        ena_srd_supported: Some(false),
        flexible_ena_queues_support: Some("unsupported".into()),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instance_type::Catalogue;

    #[test]
    fn throughput_is_rounded_as_aws_prints_it() {
        for (mbps, shown) in [(650, 81.25), (87, 10.88), (2085, 260.62), (43, 5.38), (2780, 347.5)] {
            assert!((throughput(mbps) - shown).abs() < 1e-9, "{mbps}");
        }
    }

    #[test]
    fn a_filter_finds_what_the_answer_shows() {
        let catalogue = Catalogue::built_in().expect("a catalogue");
        let found = |name: &str, values: &[&str]| {
            let values: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
            let filters = FILTERS.compile([crate::filter::Filter { name, values: &values }]).expect("filters");
            catalogue.iter().filter(|entry| filters.matches(entry)).count()
        };
        let all = catalogue.iter().count();
        assert_eq!(found("bare-metal", &["false"]), all);
        assert_eq!(found("instance-storage-supported", &["true"]), 0);
        assert_eq!(found("instance-type", &["m5.*", "c5.large"]), 9);
        assert_eq!(found("ebs-info.ebs-optimized-info.baseline-throughput-in-mbps", &["10.88"]), 2, "t3.micro and t4g.micro");
        assert_eq!(found("ebs-info.ebs-optimized-support", &["unsupported"]), 7, "those of t2");
        assert_eq!(found("vcpu-info.valid-cores", &["18"]), catalogue.iter().filter(|entry| entry.valid_cores.contains(&18)).count());
        assert!(found("processor-info.supported-architecture", &["arm64"]) > 40 && found("supported-boot-mode", &["uefi"]) > 40);
    }

    #[test]
    fn burstable_types_are_in_no_cluster() {
        let catalogue = Catalogue::built_in().expect("a catalogue");
        let strategies = |name: &str| catalogue.get(name).map(strategies).unwrap_or_default();
        assert_eq!(strategies("t3.micro"), ["partition", "spread"]);
        assert_eq!(strategies("m5.large"), ["cluster", "partition", "spread"]);
    }
}
