use freehold_proto::internal::host::rule_desired::Peer;
use freehold_proto::internal::host::{
    Metadata, NatGatewayDesired, NetworkAclDesired, NetworkAclEntryDesired, PublicAddress, RouteDesired, RouteTableDesired,
    RouterInterface, RuleDesired, SecurityGroupDesired, SubnetDesired, route_desired,
};
use proptest::prelude::*;

use super::*;

const HOST: &str = "host-0123456789abcdef0";

fn vpc(id: &str) -> (String, Arc<VpcDesired>) {
    let subnets = vec![SubnetDesired {
        subnet_id: "subnet-1".into(),
        cidr_block: "172.31.0.0/20".into(),
        route_table_id: "rtb-1".into(),
        ..SubnetDesired::default()
    }];
    let route = RouteDesired { cidr_block: "0.0.0.0/0".into(), target: Some(route_desired::Target::InternetGatewayId("igw-1".into())) };
    let vpc = VpcDesired {
        route_tables: vec![RouteTableDesired { route_table_id: "rtb-1".into(), routes: vec![route] }],
        vpc_id: id.into(),
        cidr_block: "172.31.0.0/16".into(),
        domain_name: "ec2.internal".into(),
        subnets,
        ..VpcDesired::default()
    };
    (id.into(), Arc::new(vpc))
}

fn attachment(n: u8, vpc_id: &str) -> InterfaceAttachment {
    InterfaceAttachment {
        network_interface_id: format!("eni-{n:017x}"),
        vpc_id: vpc_id.into(),
        subnet_id: "subnet-1".into(),
        mac_address: format!("0a:00:00:00:00:{n:02x}"),
        private_ip_address: format!("172.31.0.{n}"),
        security_group_ids: vec!["sg-1".into()],
        source_dest_check: true,
        ..InterfaceAttachment::default()
    }
}

fn instance(n: u8, attachment: InterfaceAttachment) -> (String, Arc<InstanceDesired>) {
    let metadata = Metadata { private_dns_name: format!("ip-172-31-0-{n}.ec2.internal"), ..Metadata::default() };
    let id = format!("i-{n}");
    let instance =
        InstanceDesired { instance_id: id.clone(), interfaces: vec![attachment], metadata: Some(metadata), ..InstanceDesired::default() };
    (id, Arc::new(instance))
}

fn rule(egress: bool, ip_protocol: &str, ports: (i32, i32), peer: Peer) -> RuleDesired {
    RuleDesired { egress, ip_protocol: ip_protocol.into(), from_port: ports.0, to_port: ports.1, peer: Some(peer) }
}

fn group(id: &str, rules: Vec<RuleDesired>) -> (String, Arc<SecurityGroupDesired>) {
    (id.into(), Arc::new(SecurityGroupDesired { group_id: id.into(), rules, ..SecurityGroupDesired::default() }))
}

fn one() -> Desired {
    Desired {
        instances: [instance(5, InterfaceAttachment { public_ip_address: "198.18.0.5".into(), ..attachment(5, "vpc-1") })].into(),
        vpcs: [vpc("vpc-1")].into(),
        security_groups: [group("sg-1", vec![rule(false, "tcp", (22, 22), Peer::CidrIpv4("0.0.0.0/0".into()))])].into(),
        interfaces_elsewhere: [elsewhere(200, "10.209.0.2")].into(),
        ..Desired::default()
    }
}

fn elsewhere(n: u8, tunnel_address: &str) -> (String, Arc<InterfaceElsewhere>) {
    let network_interface_id = format!("eni-{n:017x}");
    let interface = InterfaceElsewhere {
        network_interface_id: network_interface_id.clone(),
        vpc_id: "vpc-1".into(),
        subnet_id: "subnet-1".into(),
        tunnel_address: tunnel_address.into(),
        private_ip_addresses: vec![format!("172.31.0.{n}")],
        security_group_ids: vec!["sg-1".into()],
        source_dest_check: true,
        public_ip_addresses: Vec::new(),
    };
    (network_interface_id, Arc::new(interface))
}

fn with_rules(rules: Vec<RuleDesired>) -> (String, Vec<Fault>) {
    let mut desired = one();
    desired.security_groups = [group("sg-1", rules)].into();
    let plan = HostPlan::new(HOST, &desired);
    (plan.vpcs["vpc-1"].ruleset.to_string(), plan.faults)
}

#[test]
fn an_interface_has_its_gateway_resolver_tap_and_public_address() {
    let plan = HostPlan::new(HOST, &one());
    assert_eq!(plan.faults, []);
    let vpc = &plan.vpcs["vpc-1"];
    let interface = &vpc.interfaces["eni-00000000000000005"];
    assert_eq!(interface.gateway, Ipv4Addr::new(172, 31, 0, 1));
    assert_eq!(vpc.resolver, Ipv4Addr::new(172, 31, 0, 2));
    assert_eq!(interface.hostname, "ip-172-31-0-5");
    assert!(vpc.ruleset.to_string().contains("\"tap000000000005\" . 0a:00:00:00:00:05 . 172.31.0.5"));
    assert!(vpc.ruleset.to_string().contains("198.18.0.5 : 172.31.0.5"));
    assert_eq!(vpc.interface_of(Ipv4Addr::new(172, 31, 0, 5)), Some(interface));
}

#[test]
fn a_nat_gateway_gives_what_is_not_to_go_and_its_primary_address_always() {
    let secondary = ["172.31.0.10", "172.31.0.11", "172.31.0.12"].map(str::to_owned).to_vec();
    let other_public = PublicAddress { public_ip_address: "198.18.0.11".into(), private_ip_address: "172.31.0.11".into() };
    let interface = InterfaceAttachment {
        secondary_private_ip_addresses: secondary,
        public_ip_address: "198.18.0.9".into(),
        other_public_ip_addresses: vec![other_public],
        source_dest_check: false,
        ..attachment(9, "vpc-1")
    };
    let going = ["172.31.0.10", "172.31.0.9", "172.31.0.99", "odd"].map(str::to_owned).to_vec();
    let nat_gateway_id = "nat-00000000000000009".to_owned();
    let gateway = NatGatewayDesired {
        nat_gateway_id: nat_gateway_id.clone(),
        interface: Some(interface),
        draining_private_ip_addresses: going,
        ..NatGatewayDesired::default()
    };
    let mut desired = one();
    desired.nat_gateways = [(nat_gateway_id.clone(), Arc::new(gateway))].into();
    let plan = HostPlan::new(HOST, &desired);
    assert_eq!(plan.faults, []);
    let interface = &plan.vpcs["vpc-1"].interfaces["eni-00000000000000009"];
    let given: Vec<Ipv4Addr> = interface.given().collect();
    assert_eq!(given, [9, 11, 12].map(|last| Ipv4Addr::new(172, 31, 0, last)));
    assert_eq!(interface.onward(), "under 172.31.0.9 or 172.31.0.11 or 172.31.0.12");
    assert_eq!(interface.by_turns(), ", or 198.18.0.11 in its turn");
    assert!(plan.shown().lines().iter().any(|line| line.contains(", 172.31.0.10 is to go, ")));
}

fn routed(routes: &[(&str, Option<route_desired::Target>)]) -> HostPlan {
    let mut desired = one();
    let route = |(to, target): &(&str, Option<route_desired::Target>)| RouteDesired { cidr_block: (*to).into(), target: target.clone() };
    let vpc = Arc::make_mut(desired.vpcs.get_mut("vpc-1").expect("a VPC"));
    vpc.route_tables = vec![RouteTableDesired { route_table_id: "rtb-1".into(), routes: routes.iter().map(route).collect() }];
    HostPlan::new(HOST, &desired)
}

#[test]
fn a_subnets_route_table_says_where_its_packets_go() {
    let forwarder = RouterInterface { network_interface_id: "eni-00000000000000007".into(), private_ip_address: "172.31.0.7".into() };
    let plan = routed(&[
        ("0.0.0.0/0", Some(route_desired::Target::InternetGatewayId("igw-1".into()))),
        ("10.0.0.0/8", Some(route_desired::Target::NetworkInterface(forwarder))),
        ("192.168.0.0/16", None),
    ]);
    assert_eq!(plan.faults, []);
    let vpc = &plan.vpcs["vpc-1"];
    let table = &vpc.route_tables[&vpc.interfaces["eni-00000000000000005"].route_table];
    let to = |block: &str| table.routes[&block.parse::<Ipv4Net>().expect("a block")].clone();
    assert_eq!(to("0.0.0.0/0"), Target::Outside);
    let interface = Target::Interface { id: "eni-00000000000000007".into(), address: Ipv4Addr::new(172, 31, 0, 7) };
    assert_eq!((to("10.0.0.0/8"), to("192.168.0.0/16")), (interface, Target::Nowhere));
}

#[test]
fn a_route_that_makes_no_sense_takes_its_interfaces_out_of_the_plan() {
    let odd = RouterInterface { network_interface_id: "eni\"; drop".into(), private_ip_address: "172.31.0.7".into() };
    for (to, target) in [("everywhere", None), ("10.0.0.0/8", Some(route_desired::Target::NetworkInterface(odd)))] {
        let plan = routed(&[(to, target)]);
        assert_eq!(plan.faults.len(), 1, "{to}");
        assert!(plan.vpcs.values().all(|vpc| vpc.interfaces.is_empty()));
    }
}

#[test]
fn a_scheduler_that_knows_no_route_tables_means_the_way_out() {
    let mut desired = one();
    let vpc = Arc::make_mut(desired.vpcs.get_mut("vpc-1").expect("a VPC"));
    vpc.route_tables.clear();
    vpc.subnets[0].route_table_id.clear();
    let plan = HostPlan::new(HOST, &desired);
    assert_eq!(plan.faults, []);
    assert_eq!(plan.vpcs["vpc-1"].route_tables[""].routes, [(Ipv4Net::default(), Target::Outside)].into());
}

#[test]
fn a_further_block_of_the_vpc_has_subnets_too_and_the_resolver_can_be_off() {
    let mut desired = one();
    let vpc = Arc::make_mut(desired.vpcs.get_mut("vpc-1").expect("a VPC"));
    vpc.other_cidr_blocks = vec!["100.64.0.0/24".into()];
    vpc.subnets[0].cidr_block = "100.64.0.0/25".into();
    vpc.without_resolver = true;
    let attachment = InterfaceAttachment { private_ip_address: "100.64.0.5".into(), ..attachment(5, "vpc-1") };
    desired.instances = [instance(5, attachment)].into();
    desired.interfaces_elsewhere.clear();
    let plan = HostPlan::new(HOST, &desired);
    assert_eq!(plan.faults, []);
    assert_eq!(plan.vpcs["vpc-1"].blocks.len(), 2);
    assert!(plan.vpcs["vpc-1"].ruleset.to_string().contains("th dport 53 drop"));
}

#[test]
fn every_kind_of_rule_has_its_words() {
    let any = || Peer::CidrIpv4("0.0.0.0/0".into());
    let (ruleset, faults) = with_rules(vec![
        rule(true, "-1", (-1, -1), any()),
        rule(false, "tcp", (22, 23), Peer::CidrIpv4("10.1.2.3/8".into())),
        rule(false, "udp", (0, 65535), any()),
        rule(false, "icmp", (8, -1), any()),
        rule(false, "icmp", (3, 4), any()),
        rule(false, "icmp", (-1, -1), Peer::ReferencedGroupId("sg-1".into())),
        rule(false, "47", (-1, -1), any()),
        rule(false, "icmpv6", (-1, -1), any()),
    ]);
    assert_eq!(faults, []);
    assert!(ruleset.contains("chain sg-1_out {\n\t\taccept\n\t}"), "{ruleset}");
    for line in [
        "ip saddr 10.0.0.0/8 tcp dport 22-23 accept",
        "meta l4proto udp accept",
        "icmp type 8 accept",
        "icmp type 3 icmp code 4 accept",
        "ip saddr @members-sg-1 meta l4proto icmp accept",
        "meta l4proto 47 accept",
    ] {
        assert!(ruleset.contains(line), "{line}\n{ruleset}");
    }
    assert!(ruleset.contains("set members-sg-1 { type ipv4_addr; elements = { 172.31.0.200, 172.31.0.5 }"), "{ruleset}");
}

#[test]
fn a_rule_that_makes_no_sense_is_left_out_and_named() {
    let any = || Peer::CidrIpv4("0.0.0.0/0".into());
    let bad = [
        rule(false, "tcp", (23, 22), any()),
        rule(false, "tcp", (0, 70000), any()),
        rule(false, "sctp-ish", (1, 2), any()),
        rule(false, "icmp", (300, -1), any()),
        rule(false, "tcp", (1, 2), Peer::CidrIpv4("10.0.0.0/33".into())),
        rule(false, "tcp", (1, 2), Peer::ReferencedGroupId("sg-1 accept".into())),
        RuleDesired { peer: None, ..rule(false, "tcp", (1, 2), any()) },
    ];
    for rule in bad {
        let (ruleset, faults) = with_rules(vec![rule.clone()]);
        assert_eq!(faults.len(), 1, "{rule:?}");
        assert!(ruleset.contains("chain sg-1_in {\n\t}"), "{rule:?}");
    }
}

#[test]
fn an_interface_that_makes_no_sense_is_left_out_but_mentioned() {
    let good = || attachment(5, "vpc-1");
    let bad = [
        InterfaceAttachment { private_ip_address: "172.32.0.5".into(), ..good() },
        InterfaceAttachment { private_ip_address: "five".into(), ..good() },
        InterfaceAttachment { public_ip_address: "five".into(), ..good() },
        InterfaceAttachment { mac_address: "01:00:00:00:00:05".into(), ..good() },
        InterfaceAttachment { mac_address: "0a:00".into(), ..good() },
        InterfaceAttachment { vpc_id: "vpc-2".into(), ..good() },
        InterfaceAttachment { subnet_id: "subnet-2".into(), ..good() },
        InterfaceAttachment { security_group_ids: vec!["sg-1\"; drop".into()], ..good() },
    ];
    for attachment in bad {
        let desired = Desired { instances: [instance(5, attachment.clone())].into(), ..one() };
        let plan = HostPlan::new(HOST, &desired);
        assert_eq!(plan.faults.len(), 1, "{attachment:?}");
        assert!(plan.mentioned.taps.contains("tap000000000005"));
        assert!(plan.vpcs.values().all(|vpc| vpc.interfaces.is_empty()));
    }
}

fn acl_entry(egress: bool, rule_number: u32, protocol: &str, allow: bool, cidr_block: &str, ports: (i32, i32)) -> NetworkAclEntryDesired {
    let (from_port, to_port) = ports;
    NetworkAclEntryDesired { egress, rule_number, protocol: protocol.into(), allow, cidr_block: cidr_block.into(), from_port, to_port }
}

fn bordered(entries: Vec<NetworkAclEntryDesired>) -> HostPlan {
    let mut desired = one();
    let vpc = Arc::make_mut(desired.vpcs.get_mut("vpc-1").expect("a VPC"));
    vpc.subnets[0].network_acl_id = "acl-1".into();
    vpc.network_acls = vec![NetworkAclDesired { network_acl_id: "acl-1".into(), entries }];
    HostPlan::new(HOST, &desired)
}

#[test]
fn an_acl_s_rules_are_asked_by_number_and_what_none_allows_is_dropped() {
    let plan = bordered(vec![
        acl_entry(false, 32767, "-1", false, "0.0.0.0/0", (-1, -1)),
        acl_entry(false, 100, "6", true, "10.1.2.3/8", (22, 23)),
        acl_entry(false, 90, "1", false, "0.0.0.0/0", (8, -1)),
        acl_entry(true, 100, "-1", true, "0.0.0.0/0", (-1, -1)),
    ]);
    assert_eq!(plan.faults, []);
    let ruleset = &plan.vpcs["vpc-1"].ruleset.to_string();
    let inbound = "chain acl-1_in {\n\t\ticmp type 8 drop\n\t\tip saddr 10.0.0.0/8 tcp dport 22-23 return\n\t\tdrop\n\t\tdrop\n\t}";
    assert!(ruleset.contains(inbound), "{ruleset}");
    assert!(ruleset.contains("\"tap000000000005\" : jump acl-1_in") && !ruleset.contains("acl-1_out"), "{ruleset}");
}

#[test]
fn an_acl_that_lets_all_pass_costs_nothing() {
    let all = |egress| acl_entry(egress, 100, "-1", true, "0.0.0.0/0", (-1, -1));
    let open = bordered(vec![all(false), all(true), acl_entry(false, 200, "6", false, "0.0.0.0/0", (1, 1))]);
    assert_eq!(open.vpcs["vpc-1"].ruleset, HostPlan::new(HOST, &one()).vpcs["vpc-1"].ruleset);
}

#[test]
fn an_acl_s_rule_that_makes_no_sense_denies_from_its_number_on() {
    let entries = [acl_entry(false, 10, "6", true, "10.0.0.0/8", (1, 1)), acl_entry(false, 30, "-1", true, "0.0.0.0/0", (-1, -1))];
    for bad in [("6", "10.0.0.0/33", (1, 2)), ("6", "10.0.0.0/8", (2, 1)), ("sctp-ish", "10.0.0.0/8", (1, 2))] {
        let odd = acl_entry(false, 20, bad.0, false, bad.1, bad.2);
        let plan = bordered(entries.iter().cloned().chain([odd]).collect());
        assert_eq!(plan.faults.len(), 1, "{bad:?}");
        let inbound = "chain acl-1_in {\n\t\tip saddr 10.0.0.0/8 tcp dport 1-1 return\n\t\tdrop\n\t}";
        assert!(plan.vpcs["vpc-1"].ruleset.to_string().contains(inbound), "{bad:?}");
    }
}

#[test]
fn an_interface_whose_acl_is_not_known_waits() {
    let mut desired = one();
    Arc::make_mut(desired.vpcs.get_mut("vpc-1").expect("a VPC")).subnets[0].network_acl_id = "acl-1".into();
    let plan = HostPlan::new(HOST, &desired);
    assert_eq!(plan.faults.len(), 1);
    assert!(plan.vpcs.values().all(|vpc| vpc.interfaces.is_empty()));
}

#[test]
fn an_unknown_group_is_closed() {
    let desired = Desired { security_groups: BTreeMap::new(), ..one() };
    let plan = HostPlan::new(HOST, &desired);
    assert_eq!(plan.faults.len(), 1);
    assert!(plan.vpcs["vpc-1"].ruleset.to_string().contains("chain sg-1_in {\n\t}"));
}

#[test]
fn nothing_is_made_for_a_simulated_guest() {
    let mut desired = one();
    for instance in desired.instances.values_mut() {
        Arc::make_mut(instance).driver = "simulated".into();
    }
    assert_eq!(HostPlan::new(HOST, &desired), HostPlan::default());
}

#[test]
fn overlapping_vpcs_share_no_name() {
    let mut desired = one();
    desired.vpcs.extend([vpc("vpc-2")]);
    desired.instances.extend([instance(6, InterfaceAttachment { private_ip_address: "172.31.0.5".into(), ..attachment(6, "vpc-2") })]);
    let plan = HostPlan::new(HOST, &desired);
    assert_eq!(plan.faults, []);
    let (a, b) = (&plan.vpcs["vpc-1"], &plan.vpcs["vpc-2"]);
    assert!(a.namespace != b.namespace && a.uplink != b.uplink);
}

#[test]
fn one_address_twice_in_a_vpc_is_a_fault_of_the_second() {
    let mut desired = one();
    desired.instances.extend([instance(6, InterfaceAttachment { private_ip_address: "172.31.0.5".into(), ..attachment(6, "vpc-1") })]);
    let plan = HostPlan::new(HOST, &desired);
    assert_eq!(plan.faults.len(), 1);
    assert_eq!(plan.vpcs["vpc-1"].interfaces.len(), 1);
}

proptest! {
    /// Whatever the scheduler says: no panic, the same plan twice, and no chain that is jumped to and not there.
    #[test]
    fn any_desired_gives_one_plan_whose_jumps_lead_somewhere(
        members in prop::collection::vec((1_u8..250, "(sg-[0-9a-f]{1,4}|[ -~]{0,12})", "(172\\.31\\.[0-9]{1,2}\\.[0-9]{1,3}|[ -~]{0,12})"), 0..12),
        protocol in "(-1|tcp|udp|icmp|[0-9]{1,3}|[ -~]{0,6})", from in -2..70000_i32, to in -2..70000_i32, block in "([0-9]{1,3}\\.0\\.0\\.0/[0-9]{1,2}|[ -~]{0,12})",
    ) {
        let mut desired = one();
        for (n, sg, address) in members {
            let interface = InterfaceAttachment { security_group_ids: vec![sg.clone()], private_ip_address: address, ..attachment(n, "vpc-1") };
            desired.instances.extend([instance(n, interface)]);
            desired.security_groups.extend([group(&sg, vec![rule(n % 2 == 0, &protocol, (from, to), Peer::CidrIpv4(block.clone()))])]);
        }
        let plan = HostPlan::new(HOST, &desired);
        prop_assert_eq!(&plan, &HostPlan::new(HOST, &desired));
        for vpc in plan.vpcs.values() {
            let ruleset = vpc.ruleset.to_string();
            for jump in ruleset.split("jump ").skip(1) {
                let name = jump.split([',', '\n', ' ']).next().unwrap();
                let defined = format!("chain {name} {{");
                prop_assert!(ruleset.contains(&defined), "{}", name);
            }
        }
    }
}

#[test]
fn an_interface_elsewhere_that_makes_no_sense_is_left_out_and_the_others_stand() {
    for wrong in [
        InterfaceElsewhere { subnet_id: "subnet-9".into(), ..(*elsewhere(7, "10.209.0.2").1).clone() },
        InterfaceElsewhere { private_ip_addresses: vec!["172.31.0.5".into()], ..(*elsewhere(7, "10.209.0.2").1).clone() },
        InterfaceElsewhere { private_ip_addresses: vec!["172.31.99.5".into()], ..(*elsewhere(7, "10.209.0.2").1).clone() },
        InterfaceElsewhere { security_group_ids: vec!["sg-1 accept".into()], ..(*elsewhere(7, "10.209.0.2").1).clone() },
        InterfaceElsewhere { tunnel_address: "nowhere".into(), ..(*elsewhere(7, "10.209.0.2").1).clone() },
        // Two hosts that would be one next hop.
        InterfaceElsewhere { tunnel_address: "26.209.0.2".into(), ..(*elsewhere(201, "").1).clone() },
    ] {
        let mut desired = one();
        desired.interfaces_elsewhere.insert(wrong.network_interface_id.clone(), Arc::new(wrong.clone()));
        let plan = HostPlan::new(HOST, &desired);
        assert_eq!(plan.faults.iter().map(|fault| &fault.subject).collect::<Vec<_>>(), [&wrong.network_interface_id], "{wrong:?}");
        let vpc = &plan.vpcs["vpc-1"];
        assert_eq!(vpc.elsewhere.keys().collect::<Vec<_>>(), ["eni-000000000000000c8"]);
        assert_eq!(vpc.interfaces.len(), 1, "a guest of this host is none the worse");
    }
}

#[test]
fn a_host_that_knows_of_nobody_elsewhere_has_the_rules_of_a_host_alone() {
    let alone = Desired { interfaces_elsewhere: BTreeMap::new(), ..one() };
    let plan = HostPlan::new(HOST, &alone);
    assert!(!plan.vpcs["vpc-1"].ruleset.to_string().contains("vx0"));
    let tunnel_address = Some(Ipv4Addr::new(10, 209, 0, 1));
    let outside = Outside { tunnel_address, ..Outside::default() };
    assert!(!plan.host_ruleset(HOST, &outside).to_string().contains("4789"));
    assert!(HostPlan::new(HOST, &one()).host_ruleset(HOST, &outside).to_string().contains("ip daddr 10.209.0.1 udp dport 4789"));
}
