//! What the kinds of desired resources have in common.

use std::collections::BTreeMap;
use std::sync::Arc;

use freehold_proto::id::{InstanceId, NatGatewayId, NetworkInterfaceId, SecurityGroupId, VolumeId, VpcId};
use freehold_proto::internal::host::{InstanceDesired, NatGatewayDesired, SecurityGroupDesired, VpcDesired};

use crate::desired::Desired;

/// A desired resource, kept as a file of its own in the folder of its kind.
pub trait Resource: prost::Message + Default + 'static {
    const FOLDER: &'static str;

    fn id(&self) -> &str;
    fn generation(&self) -> u64;
    /// Whether nothing but the generation differs. Never of an instance: each of its generations is answered.
    fn says_the_same(&self, other: &Self) -> bool;
    /// Ids become file and device names: one that is not an id is refused.
    fn well_formed(&self) -> bool;
    fn map(desired: &Desired) -> &BTreeMap<String, Arc<Self>>;
    fn map_mut(desired: &mut Desired) -> &mut BTreeMap<String, Arc<Self>>;
}

impl Resource for InstanceDesired {
    const FOLDER: &'static str = "instances";

    fn id(&self) -> &str {
        &self.instance_id
    }

    fn generation(&self) -> u64 {
        self.generation
    }

    fn says_the_same(&self, _: &Self) -> bool {
        false
    }

    fn well_formed(&self) -> bool {
        InstanceId::parse(&self.instance_id).is_ok()
            && self.volumes.iter().all(|volume| VolumeId::parse(&volume.volume_id).is_ok())
            && self.interfaces.iter().all(|interface| NetworkInterfaceId::parse(&interface.network_interface_id).is_ok())
    }

    fn map(desired: &Desired) -> &BTreeMap<String, Arc<Self>> {
        &desired.instances
    }

    fn map_mut(desired: &mut Desired) -> &mut BTreeMap<String, Arc<Self>> {
        &mut desired.instances
    }
}

impl Resource for VpcDesired {
    const FOLDER: &'static str = "vpcs";

    fn id(&self) -> &str {
        &self.vpc_id
    }

    fn generation(&self) -> u64 {
        self.generation
    }

    fn says_the_same(&self, other: &Self) -> bool {
        *self == Self { generation: self.generation, ..other.clone() }
    }

    fn well_formed(&self) -> bool {
        VpcId::parse(&self.vpc_id).is_ok()
    }

    fn map(desired: &Desired) -> &BTreeMap<String, Arc<Self>> {
        &desired.vpcs
    }

    fn map_mut(desired: &mut Desired) -> &mut BTreeMap<String, Arc<Self>> {
        &mut desired.vpcs
    }
}

impl Resource for SecurityGroupDesired {
    const FOLDER: &'static str = "security-groups";

    fn id(&self) -> &str {
        &self.group_id
    }

    fn generation(&self) -> u64 {
        self.generation
    }

    fn says_the_same(&self, other: &Self) -> bool {
        *self == Self { generation: self.generation, ..other.clone() }
    }

    fn well_formed(&self) -> bool {
        SecurityGroupId::parse(&self.group_id).is_ok()
    }

    fn map(desired: &Desired) -> &BTreeMap<String, Arc<Self>> {
        &desired.security_groups
    }

    fn map_mut(desired: &mut Desired) -> &mut BTreeMap<String, Arc<Self>> {
        &mut desired.security_groups
    }
}

impl Resource for NatGatewayDesired {
    const FOLDER: &'static str = "nat-gateways";

    fn id(&self) -> &str {
        &self.nat_gateway_id
    }

    fn generation(&self) -> u64 {
        self.generation
    }

    fn says_the_same(&self, other: &Self) -> bool {
        *self == Self { generation: self.generation, ..other.clone() }
    }

    fn well_formed(&self) -> bool {
        let interface = self.interface.as_ref();
        NatGatewayId::parse(&self.nat_gateway_id).is_ok()
            && interface.is_some_and(|interface| NetworkInterfaceId::parse(&interface.network_interface_id).is_ok())
    }

    fn map(desired: &Desired) -> &BTreeMap<String, Arc<Self>> {
        &desired.nat_gateways
    }

    fn map_mut(desired: &mut Desired) -> &mut BTreeMap<String, Arc<Self>> {
        &mut desired.nat_gateways
    }
}
