//! What this host should hold, as the scheduler last said it and as the agent's own disk keeps it.
//!
//! An entry leaves this set by a carried-out tombstone and in no other way. So whoever follows it (drivers, data plane, metadata) may
//! take absence for "gone on purpose". What is known of interfaces and public addresses elsewhere, and of pools, is no such entry: it is about others.

use std::collections::BTreeMap;
use std::sync::Arc;

use freehold_proto::internal::host::{
    InstanceDesired, InterfaceElsewhere, NatGatewayDesired, PublicAddressElsewhere, SecurityGroupDesired, TranslatedBlock, VpcDesired,
};

/// One consistent view, handed round through a `tokio::sync::watch` channel.
#[derive(Clone, Debug, Default)]
pub struct Desired {
    pub instances: BTreeMap<String, Arc<InstanceDesired>>,
    pub vpcs: BTreeMap<String, Arc<VpcDesired>>,
    pub security_groups: BTreeMap<String, Arc<SecurityGroupDesired>>,
    pub nat_gateways: BTreeMap<String, Arc<NatGatewayDesired>>,
    /// On other hosts, of VPCs that this one has.
    pub interfaces_elsewhere: BTreeMap<String, Arc<InterfaceElsewhere>>,
    /// By address: those that other hosts have, and other hosts themselves.
    pub public_elsewhere: BTreeMap<String, Arc<PublicAddressElsewhere>>,
    /// By block: public addresses that no network beyond the hosts knows.
    pub translated: BTreeMap<String, Arc<TranslatedBlock>>,
}
