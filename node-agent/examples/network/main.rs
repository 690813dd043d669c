//! What the plan of a host's network costs, what a change of it does, and what packets cost, for `deploy/bench network`.
//!
//! `network INTERFACES GROUPS`: one host of a VPC with so many interfaces, a fiftieth of them here. Each figure stands beside that of a VPC of
//! a tenth of the size, and each change beside the whole. The kernel is asked too where this may make a network namespace.

mod packets;

use std::error::Error;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use freehold_node_agent::desired::Desired;
use freehold_node_agent::network::plan::HostPlan;
use freehold_node_agent::network::plan::ruleset::Ruleset;
use freehold_proto::internal::host::rule_desired::Peer;
use freehold_proto::internal::host::{
    InstanceDesired, InterfaceAttachment, InterfaceElsewhere, RouteTableDesired, RuleDesired, SecurityGroupDesired, SubnetDesired,
    VpcDesired,
};

type Failure = Box<dyn Error + Send + Sync>;

const HOST: &str = "host-0123456789abcdef0";
const VPC: &str = "vpc-1";
/// One interface of so many is on this host.
const HOSTS: u32 = 50;
const ROUNDS: u32 = 9;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u32>());
    let (interfaces, groups) = (arguments.next().unwrap_or(Ok(10_000))?, arguments.next().unwrap_or(Ok(500))?);
    let (small, large) = (cost(interfaces / 10, groups / 10)?, cost(interfaces, groups)?);
    println!("{:<48} {:>12} {:>12} {:>8}", "a host of a VPC of", interfaces / 10, interfaces, "ratio");
    for ((what, small), (_, large)) in small.iter().zip(&large) {
        println!("{what:<48} {:>9.2} ms {:>9.2} ms {:>8.1}", millis(*small), millis(*large), millis(*large) / millis(*small));
    }
    if let Some(figures) = packets::measure()? {
        let [floor, guest, outside] = packets::names();
        println!("\n{:<48} {floor:>13} {guest:>15} {:>6} {outside:>17} {:>6}", "packets, by TCP", "ratio", "ratio");
        for (what, [floor, guest, outside]) in packets::MEASURES.iter().zip(figures) {
            println!("{what:<48} {floor:>10.1} us {guest:>12.1} us {:>6.2} {outside:>14.1} us {:>6.2}", guest / floor, outside / floor);
        }
    }
    if let Some(kernel) = kernel(&world(interfaces, groups))? {
        println!("\n{:<48} {:>12} {:>12}", "in the kernel, by nft", "", "of whole");
        let whole = kernel.first().map(|(_, time)| *time).unwrap_or_default();
        for (what, time) in kernel {
            println!("{what:<48} {:>9.2} ms {:>10.0} %", millis(time), 100.0 * millis(time) / millis(whole));
        }
    } else {
        println!("\nnot root: the kernel was not asked");
    }
    Ok(())
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn cost(interfaces: u32, groups: u32) -> Result<Vec<(&'static str, Duration)>, Failure> {
    let desired = world(interfaces, groups);
    let before = ruleset(&desired)?;
    let (rule, one) = (ruleset(&with_a_rule(&desired))?, ruleset(&with_an_interface(&desired, interfaces))?);
    let same = ruleset(&desired)?;
    Ok(vec![
        ("the plan", typical(|| drop(HostPlan::new(HOST, &desired)))),
        ("the whole rule set as text", typical(|| drop(before.to_string()))),
        ("the difference where nothing changed", typical(|| drop(same.since(&before)))),
        ("the difference of one rule", typical(|| drop(rule.since(&before)))),
        ("the difference of one interface", typical(|| drop(one.since(&before)))),
    ])
}

fn typical(mut work: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..ROUNDS).map(|_| time(&mut work)).collect();
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn time(work: impl FnOnce()) -> Duration {
    let began = Instant::now();
    work();
    began.elapsed()
}

/// The whole, then changes to and fro, as nft takes them in a namespace of its own. `None`: there is none to be had.
fn kernel(desired: &Desired) -> Result<Option<Vec<(&'static str, Duration)>>, Failure> {
    if nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).is_err() {
        return Ok(None);
    }
    let count = u32::try_from(desired.instances.len())?;
    let (before, rule) = (ruleset(desired)?, ruleset(&with_a_rule(desired))?);
    let one = ruleset(&with_an_interface(desired, count * HOSTS))?;
    let between = |new: &Ruleset, old: &Ruleset| new.since(old).ok_or("there is no difference");
    let steps = [
        ("the whole", before.to_string()),
        ("one rule more", between(&rule, &before)?),
        ("one rule less", between(&before, &rule)?),
        ("one interface more", between(&one, &before)?),
        ("one interface less", between(&before, &one)?),
    ];
    steps.into_iter().map(|(what, text)| Ok((what, load(&text)?))).collect::<Result<Vec<_>, Failure>>().map(Some)
}

fn load(text: &str) -> Result<Duration, Failure> {
    let began = Instant::now();
    let mut nft = Command::new("nft").args(["-f", "-"]).stdin(Stdio::piped()).spawn()?;
    nft.stdin.take().ok_or("nft has no input")?.write_all(text.as_bytes())?;
    if nft.wait()?.success() { Ok(began.elapsed()) } else { Err("nft refused the rules".into()) }
}

fn ruleset(desired: &Desired) -> Result<Arc<Ruleset>, Failure> {
    let plan = HostPlan::new(HOST, desired);
    match plan.faults.first() {
        Some(fault) => Err(format!("{}: {}", fault.subject, fault.reason).into()),
        None => Ok(Arc::clone(&plan.vpcs.get(VPC).ok_or("no VPC was planned")?.ruleset)),
    }
}

fn with_a_rule(desired: &Desired) -> Desired {
    let mut desired = desired.clone();
    if let Some(group) = desired.security_groups.values_mut().next() {
        Arc::make_mut(group).rules.push(rule(false, 9_999, Peer::CidrIpv4("10.1.0.0/16".into())));
    }
    desired
}

fn with_an_interface(desired: &Desired, count: u32) -> Desired {
    let mut desired = desired.clone();
    let groups = u32::try_from(desired.security_groups.len()).unwrap_or(1);
    let instance = instance(count, groups);
    desired.instances.insert(instance.instance_id.clone(), Arc::new(instance));
    desired
}

/// A twentieth of the rules name another group; each interface has two groups.
fn world(interfaces: u32, groups: u32) -> Desired {
    let subnet = SubnetDesired {
        subnet_id: "subnet-1".into(),
        cidr_block: "10.0.0.0/9".into(),
        route_table_id: "rtb-1".into(),
        ..SubnetDesired::default()
    };
    let vpc = VpcDesired {
        vpc_id: VPC.into(),
        cidr_block: "10.0.0.0/8".into(),
        subnets: vec![subnet],
        route_tables: vec![RouteTableDesired { route_table_id: "rtb-1".into(), routes: Vec::new() }],
        ..VpcDesired::default()
    };
    let here = (0..interfaces).filter(|n| n % HOSTS == 0).map(|n| instance(n, groups));
    let elsewhere = (0..interfaces).filter(|n| n % HOSTS != 0).map(|n| elsewhere(n, groups));
    Desired {
        instances: here.map(|instance| (instance.instance_id.clone(), Arc::new(instance))).collect(),
        vpcs: [(VPC.to_owned(), Arc::new(vpc))].into(),
        security_groups: (0..groups).map(|n| group(n, groups)).map(|group| (group.group_id.clone(), Arc::new(group))).collect(),
        interfaces_elsewhere: elsewhere.map(|one| (one.network_interface_id.clone(), Arc::new(one))).collect(),
        ..Desired::default()
    }
}

fn elsewhere(n: u32, groups: u32) -> InterfaceElsewhere {
    InterfaceElsewhere {
        network_interface_id: format!("eni-{n:017x}"),
        vpc_id: VPC.into(),
        subnet_id: "subnet-1".into(),
        tunnel_address: format!("192.0.2.{}", n % HOSTS),
        private_ip_addresses: vec![address(n)],
        security_group_ids: groups_of(n, groups).into(),
        source_dest_check: true,
        public_ip_addresses: Vec::new(),
    }
}

fn group(n: u32, groups: u32) -> SecurityGroupDesired {
    let mut rules: Vec<RuleDesired> = (0..8).map(|port| rule(false, 1_000 + port, Peer::CidrIpv4(format!("10.{port}.0.0/16")))).collect();
    rules.push(rule(false, 22, Peer::ReferencedGroupId(group_id((n + 1) % groups))));
    rules.push(RuleDesired { ip_protocol: "-1".into(), ..rule(true, -1, Peer::CidrIpv4("0.0.0.0/0".into())) });
    SecurityGroupDesired { group_id: group_id(n), vpc_id: VPC.into(), rules, ..SecurityGroupDesired::default() }
}

fn rule(egress: bool, port: i32, peer: Peer) -> RuleDesired {
    RuleDesired { egress, ip_protocol: "tcp".into(), from_port: port, to_port: port, peer: Some(peer) }
}

fn group_id(n: u32) -> String {
    format!("sg-{n:017x}")
}

fn groups_of(interface: u32, groups: u32) -> [String; 2] {
    // Interfaces of one host have many different groups.
    let first = (interface / HOSTS + interface % HOSTS * 7) % groups;
    [group_id(first), group_id((first + groups / 2) % groups)]
}

fn address(n: u32) -> String {
    std::net::Ipv4Addr::from((10 << 24 | 1 << 16) + n).to_string()
}

fn instance(n: u32, groups: u32) -> InstanceDesired {
    let [_, second, third, fourth] = n.to_be_bytes();
    let attachment = InterfaceAttachment {
        network_interface_id: format!("eni-{n:017x}"),
        vpc_id: VPC.into(),
        subnet_id: "subnet-1".into(),
        mac_address: format!("0a:00:00:{second:02x}:{third:02x}:{fourth:02x}"),
        private_ip_address: address(n),
        security_group_ids: groups_of(n, groups).to_vec(),
        source_dest_check: true,
        ..InterfaceAttachment::default()
    };
    InstanceDesired {
        instance_id: format!("i-{n:017x}"),
        driver: "qemu".into(),
        interfaces: vec![attachment],
        ..InstanceDesired::default()
    }
}
