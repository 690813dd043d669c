//! The categories under `meta-data`, built for one instance: paths and values, and nothing about HTTP.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-metadata.html#instancedata-data-categories>
//! What Freehold has no fact for has no category: `iam` until there are roles, `spot`, `autoscaling` and their like.

use std::collections::{BTreeMap, BTreeSet};

use freehold_proto::internal::host::{InstanceDesired, InterfaceAttachment, Metadata};

use crate::network::plan::VpcPlan;

/// Values by their path below `meta-data/`.
#[derive(Debug, Default)]
pub struct Tree(BTreeMap<String, String>);

/// What stands at a path.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    Value(String),
    /// One name per line, those with something below them ending in a slash.
    Listing(String),
}

impl Tree {
    pub fn new(instance: &InstanceDesired, vpc: &VpcPlan) -> Self {
        let mut tree = Self::default();
        let nothing = Metadata::default();
        let metadata = instance.metadata.as_ref().unwrap_or(&nothing);
        tree.instance(instance, metadata);
        tree.names(metadata, vpc);
        tree.placement(metadata);
        tree.block_devices(instance);
        for interface in &instance.interfaces {
            tree.interface(instance, metadata, interface, vpc);
        }
        if !metadata.public_key.is_empty() {
            tree.put("public-keys/0/openssh-key", format!("{}\n", metadata.public_key.trim_end()));
        }
        if metadata.instance_metadata_tags == "enabled" {
            for (key, value) in &metadata.tags {
                tree.put(&format!("tags/instance/{key}"), value);
            }
        }
        tree
    }

    pub fn get(&self, path: &str, key_name: &str) -> Option<Found> {
        if let Some(value) = self.0.get(path) {
            return Some(Found::Value(value.clone()));
        }
        let inside = if path.is_empty() || path.ends_with('/') { path.to_owned() } else { format!("{path}/") };
        // The one listing that says more than names.
        if inside == "public-keys/" && self.0.contains_key("public-keys/0/openssh-key") {
            return Some(Found::Listing(format!("0={key_name}")));
        }
        let mut names = BTreeSet::new();
        for path in self.0.keys().filter_map(|path| path.strip_prefix(&inside)) {
            match path.split_once('/') {
                Some((directory, _)) => names.insert(format!("{directory}/")),
                None => names.insert(path.to_owned()),
            };
        }
        (!names.is_empty()).then(|| Found::Listing(names.into_iter().collect::<Vec<_>>().join("\n")))
    }

    fn put(&mut self, path: &str, value: impl Into<String>) {
        self.0.insert(path.to_owned(), value.into());
    }

    /// Where there is no value there is no entry either.
    fn put_some(&mut self, path: &str, value: &str) {
        if !value.is_empty() {
            self.put(path, value);
        }
    }

    fn instance(&mut self, instance: &InstanceDesired, metadata: &Metadata) {
        self.put("ami-id", &metadata.ami_id);
        self.put("ami-launch-index", metadata.ami_launch_index.to_string());
        self.put("ami-manifest-path", "(unknown)");
        self.put("events/maintenance/history", "[]");
        self.put("events/maintenance/scheduled", "[]");
        self.put("instance-action", "none");
        self.put("instance-id", &instance.instance_id);
        self.put("instance-life-cycle", "on-demand");
        self.put("instance-type", &instance.instance_type);
        self.put("profile", "default-hvm");
        self.put("reservation-id", &metadata.reservation_id);
        self.put("security-groups", metadata.security_group_names.join("\n"));
        self.put("services/domain", "amazonaws.com");
        self.put("services/partition", "aws");
    }

    fn names(&mut self, metadata: &Metadata, vpc: &VpcPlan) {
        let own = local_name(metadata, vpc);
        self.put_some("hostname", &own);
        self.put_some("local-hostname", &own);
        self.put_some("public-hostname", &metadata.public_dns_name);
    }

    fn placement(&mut self, metadata: &Metadata) {
        self.put("placement/availability-zone", &metadata.availability_zone);
        self.put_some("placement/availability-zone-id", &metadata.availability_zone_id);
        self.put_some("placement/group-name", &metadata.placement_group_name);
        if metadata.placement_partition_number > 0 {
            self.put("placement/partition-number", metadata.placement_partition_number.to_string());
        }
        self.put("placement/region", &metadata.region);
    }

    fn block_devices(&mut self, instance: &InstanceDesired) {
        let mut others = 0;
        for volume in &instance.volumes {
            if volume.root {
                self.put("block-device-mapping/ami", &volume.device_name);
                self.put("block-device-mapping/root", &volume.device_name);
            } else {
                others += 1;
                let name = volume.device_name.strip_prefix("/dev/").unwrap_or(&volume.device_name);
                self.put(&format!("block-device-mapping/ebs{others}"), name);
            }
        }
    }

    fn interface(&mut self, instance: &InstanceDesired, metadata: &Metadata, interface: &InterfaceAttachment, vpc: &VpcPlan) {
        let primary = interface.device_index == 0;
        if primary {
            self.put("local-ipv4", &interface.private_ip_address);
            self.put("mac", &interface.mac_address);
            self.put_some("public-ipv4", &interface.public_ip_address);
        }
        let at = |name: &str| format!("network/interfaces/macs/{}/{name}", interface.mac_address);
        self.put(&at("device-number"), interface.device_index.to_string());
        self.put(&at("interface-id"), &interface.network_interface_id);
        let own = [&interface.private_ip_address].into_iter().chain(&interface.secondary_private_ip_addresses);
        self.put(&at("local-ipv4s"), own.map(String::as_str).collect::<Vec<_>>().join("\n"));
        self.put(&at("mac"), &interface.mac_address);
        self.put(&at("owner-id"), &instance.account_id);
        self.put(&at("security-group-ids"), interface.security_group_ids.join("\n"));
        self.put(&at("subnet-id"), &interface.subnet_id);
        self.put(&at("vpc-id"), &interface.vpc_id);
        let blocks: Vec<String> = vpc.blocks.iter().map(ToString::to_string).collect();
        self.put(&at("vpc-ipv4-cidr-block"), blocks.first().cloned().unwrap_or_default());
        self.put(&at("vpc-ipv4-cidr-blocks"), blocks.join("\n"));
        if let Some(planned) = vpc.interfaces.get(&interface.network_interface_id) {
            self.put(&at("subnet-ipv4-cidr-block"), planned.subnet.to_string());
        }
        if primary {
            self.put_some(&at("local-hostname"), &local_name(metadata, vpc));
            self.put_some(&at("public-hostname"), &metadata.public_dns_name);
            self.put_some(&at("security-groups"), &metadata.security_group_names.join("\n"));
        }
        let primary = (&interface.public_ip_address, &interface.private_ip_address);
        let others = interface.other_public_ip_addresses.iter().map(|other| (&other.public_ip_address, &other.private_ip_address));
        let public: Vec<_> = [primary].into_iter().filter(|(public, _)| !public.is_empty()).chain(others).collect();
        self.put_some(&at("public-ipv4s"), &public.iter().map(|(public, _)| public.as_str()).collect::<Vec<_>>().join("\n"));
        for (public, private) in public {
            self.put(&at(&format!("ipv4-associations/{public}")), private);
        }
    }
}

/// How a guest is to call itself: in the domain that its VPC's DHCP options name, where they name one, though the resolver knows it by another.
fn local_name(metadata: &Metadata, vpc: &VpcPlan) -> String {
    match metadata.private_dns_name.split_once('.') {
        Some((host, _)) if !vpc.dhcp.domain_name.is_empty() => format!("{host}.{}", vpc.dhcp.domain_name),
        _ => metadata.private_dns_name.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::plan::DhcpOptions;

    #[test]
    fn a_guest_is_called_by_the_domain_of_its_vpc_s_dhcp_options() {
        let metadata = Metadata { private_dns_name: "ip-10-0-0-5.ec2.internal".into(), ..Metadata::default() };
        let named = |domain: &str| {
            let dhcp = DhcpOptions { domain_name: domain.into(), ..DhcpOptions::default() };
            local_name(&metadata, &VpcPlan { dhcp, ..crate::imds::router::tests::vpc() })
        };
        assert_eq!(named(""), "ip-10-0-0-5.ec2.internal");
        assert_eq!(named("example.org"), "ip-10-0-0-5.example.org");
        assert_eq!(local_name(&Metadata::default(), &crate::imds::router::tests::vpc()), "", "no name, no domain");
    }
}
