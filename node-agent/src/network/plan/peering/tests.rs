use std::sync::Arc;

use freehold_proto::internal::host::{
    InstanceDesired, InterfaceAttachment, PeeringDesired, RouteDesired, RouteTableDesired, SubnetDesired, VpcDesired, route_desired,
};

use crate::desired::Desired;
use crate::network::plan::HostPlan;

const HOST: &str = "host-0123456789abcdef0";
const PCX: &str = "pcx-0123456789abcdef0";

fn peering(id: &str, peer: &str) -> PeeringDesired {
    PeeringDesired { vpc_peering_connection_id: id.into(), peer_vpc_id: peer.into(), answers_public_names: false }
}

/// `vpc-N` with 10.N.0.0/16, which speaks of these peers and has a route to what the first one says.
fn vpc(n: u8, peerings: &[(&str, &str)]) -> (String, Arc<VpcDesired>) {
    let target = peerings.first().map(|(id, _)| route_desired::Target::VpcPeeringConnectionId((*id).to_owned()));
    let vpc = VpcDesired {
        vpc_id: format!("vpc-{n}"),
        cidr_block: format!("10.{n}.0.0/16"),
        subnets: vec![SubnetDesired {
            subnet_id: "subnet-1".into(),
            cidr_block: format!("10.{n}.0.0/20"),
            route_table_id: "rtb-1".into(),
            ..SubnetDesired::default()
        }],
        route_tables: vec![RouteTableDesired {
            route_table_id: "rtb-1".into(),
            routes: vec![RouteDesired { cidr_block: "10.0.0.0/8".into(), target }],
        }],
        peerings: peerings.iter().map(|(id, peer)| peering(id, peer)).collect(),
        ..VpcDesired::default()
    };
    (vpc.vpc_id.clone(), Arc::new(vpc))
}

fn instance(n: u8) -> (String, Arc<InstanceDesired>) {
    let interface = InterfaceAttachment {
        network_interface_id: format!("eni-{n:017x}"),
        vpc_id: format!("vpc-{n}"),
        subnet_id: "subnet-1".into(),
        mac_address: format!("0a:00:00:00:00:{n:02x}"),
        private_ip_address: format!("10.{n}.0.5"),
        ..InterfaceAttachment::default()
    };
    let id = format!("i-{n}");
    (id.clone(), Arc::new(InstanceDesired { instance_id: id, interfaces: vec![interface], ..InstanceDesired::default() }))
}

fn planned(instances: &[u8], vpcs: &[(String, Arc<VpcDesired>)]) -> HostPlan {
    let desired =
        Desired { instances: instances.iter().map(|n| instance(*n)).collect(), vpcs: vpcs.iter().cloned().collect(), ..Desired::default() };
    let plan = HostPlan::new(HOST, &desired);
    assert_eq!(plan, HostPlan::new(HOST, &desired));
    plan
}

fn reasons(plan: &HostPlan) -> Vec<&str> {
    plan.faults.iter().map(|fault| fault.reason.as_str()).collect()
}

#[test]
fn a_vpc_is_on_a_host_for_its_peers_guest_and_for_no_peer_of_that() {
    let pair = [vpc(1, &[(PCX, "vpc-2")]), vpc(2, &[(PCX, "vpc-1"), ("pcx-23", "vpc-3")]), vpc(3, &[("pcx-23", "vpc-2")])];
    let plan = planned(&[1], &pair);
    assert_eq!(plan.faults, []);
    assert_eq!(plan.vpcs.keys().collect::<Vec<_>>(), ["vpc-1", "vpc-2"]);
    let (ours, theirs) = (&plan.vpcs["vpc-1"], &plan.vpcs["vpc-2"]);
    assert!(!ours.is_passed_only() && theirs.is_passed_only() && plan.mentioned.namespaces.contains(&theirs.namespace));
    assert_eq!(theirs.peerings.keys().collect::<Vec<_>>(), [PCX]);
    assert_eq!([ours, theirs].map(|vpc| vpc.peerings[PCX].link.as_str()), ["pcx56789abcdef0"; 2]);
    let lines = plan.shown().lines().join("\n");
    assert!(lines.contains("to vpc-2 10.2.0.0/16 over pcx") && lines.contains(&format!("10.0.0.0/8 {PCX} (vpc-2)")), "{lines}");
}

#[test]
fn who_is_between_two_peers_of_a_hosts_guests_is_joined_to_both() {
    let all = [vpc(1, &[(PCX, "vpc-2")]), vpc(2, &[(PCX, "vpc-1"), ("pcx-23", "vpc-3")]), vpc(3, &[("pcx-23", "vpc-2")])];
    let plan = planned(&[1, 3], &all);
    assert_eq!(plan.faults, []);
    assert_eq!(plan.vpcs["vpc-2"].peerings.len(), 2);
    assert!(plan.vpcs["vpc-2"].is_passed_only());
}

#[test]
fn a_peering_that_makes_no_sense_is_left_out_and_named_and_the_guests_stand() {
    for (peers, reason) in [
        (vec![vpc(1, &[(PCX, "vpc-2")])], "is not known yet"),
        (vec![vpc(1, &[(PCX, "vpc-2")]), vpc(2, &[])], "does not speak of it"),
        (vec![vpc(1, &[(PCX, "vpc-2")]), vpc(2, &[(PCX, "vpc-3")])], "does not speak of it"),
        (vec![vpc(1, &[(PCX, "vpc-1")])], "is the VPC itself"),
        (vec![vpc(1, &[("pcx-12", "vpc-2"), ("pcx\"; drop", "vpc-2")]), vpc(2, &[("pcx-12", "vpc-1")])], "is not an id"),
    ] {
        let plan = planned(&[1], &peers);
        assert!(reasons(&plan).len() == 1 && reasons(&plan)[0].contains(reason), "{:?}", plan.faults);
        assert_eq!(plan.vpcs["vpc-1"].interfaces.len(), 1);
    }
    // Two connections whose last digits are the same.
    let (a, b) = ("pcx-00000123456789abc", "pcx-11111123456789abc");
    let plan = planned(&[1], &[vpc(1, &[(a, "vpc-2"), (b, "vpc-3")]), vpc(2, &[(a, "vpc-1")]), vpc(3, &[(b, "vpc-1")])]);
    assert!(reasons(&plan)[0].contains("another connection's already"), "{:?}", plan.faults);
    assert_eq!(plan.vpcs.keys().collect::<Vec<_>>(), ["vpc-1", "vpc-2"]);
}

#[test]
fn a_vpc_without_peers_has_the_rules_of_a_vpc_alone() {
    let rules = |plan: HostPlan| plan.vpcs["vpc-1"].ruleset.to_string();
    assert!(!rules(planned(&[1], &[vpc(1, &[])])).contains("\"pcx"));
    assert!(rules(planned(&[1], &[vpc(1, &[(PCX, "vpc-2")]), vpc(2, &[(PCX, "vpc-1")])])).contains("iifname != \"pcx*\" accept"));
}
