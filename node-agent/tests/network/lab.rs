//! The machine a test runs in, and the guests it plugs in.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use freehold_node_agent::desired::Desired;
use freehold_node_agent::network::{Config, DataPlane};
use freehold_proto::clock::{Clock, SystemClock};
use freehold_proto::internal::host::route_desired::Target;
use freehold_proto::internal::host::rule_desired::Peer;
use freehold_proto::internal::host::{
    InstanceDesired, InterfaceAttachment, Metadata, NatGatewayDesired, NetworkAclDesired, NetworkAclEntryDesired, PublicAddress,
    RouteDesired, RouteTableDesired, RouterInterface, RuleDesired, SecurityGroupDesired, SubnetDesired, VpcDesired,
};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use tokio::sync::watch;

pub const HOST: &str = "host-0123456789abcdef0";

/// Runs `test` as the only user of a machine's network. Says so loudly where that is impossible.
pub fn machine<F: Future<Output = ()>>(name: &str, test: impl FnOnce() -> F + Send) {
    let entered = std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            enter()?;
            tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test());
            nix::Result::Ok(())
        });
        thread.join()
    });
    match entered {
        Ok(Ok(())) => {}
        Ok(Err(error)) => eprintln!("\n*** NOT RUN: {name}: needs root and CLONE_NEWNET ({error}) ***\n"),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

fn enter() -> nix::Result<()> {
    unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS)?;
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_PRIVATE | MsFlags::MS_REC, None::<&str>)?;
    mount(Some("run"), "/run", Some("tmpfs"), MsFlags::empty(), None::<&str>)?;
    mount(Some("sys"), "/sys", Some("sysfs"), MsFlags::empty(), None::<&str>)?;
    run("ip link set lo up");
    Ok(())
}

/// Gives the machine an uplink, 203.0.113.1, and a world beyond it: the namespace `world`, 203.0.113.254.
pub fn outside() {
    run("ip netns add world; ip link add eth0 type veth peer name eth0 netns world");
    run("ip addr add 203.0.113.1/24 dev eth0; ip link set eth0 up; ip -n world link set lo up");
    run("ip -n world addr add 203.0.113.254/24 dev eth0; ip -n world link set eth0 up; ip route add default via 203.0.113.254");
}

/// Runs a line that must succeed; its standard output.
#[track_caller]
pub fn run(line: &str) -> String {
    let output = output(line);
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[track_caller]
pub fn output(line: &str) -> Output {
    Command::new("sh").args(["-c", line]).stdin(Stdio::null()).output().unwrap()
}

/// Polls until `true`, or fails.
#[track_caller]
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A data plane under test and what it was told.
pub struct Lab {
    pub desired: watch::Sender<Arc<Desired>>,
    pub plane: DataPlane,
    pub state: tempfile::TempDir,
}

impl Lab {
    pub async fn start(desired: Desired) -> Self {
        Self::configured(Config::default(), desired).await
    }

    pub async fn configured(config: Config, desired: Desired) -> Self {
        Self::timed(config, desired, Arc::new(SystemClock)).await
    }

    pub async fn timed(config: Config, desired: Desired, clock: Arc<dyn Clock>) -> Self {
        let state = tempfile::tempdir().unwrap();
        let (sender, receiver) = watch::channel(Arc::new(desired));
        let plane = DataPlane::start(config, state.path(), HOST, receiver, clock).await.unwrap();
        assert_eq!(plane.faults(), [""; 0]);
        Self { desired: sender, plane, state }
    }

    /// States something else and waits until it is carried out, all of it.
    pub async fn state(&self, desired: &Desired) {
        assert_eq!(self.faults(desired).await, [""; 0]);
    }

    /// States something else, waits for the attempt to carry it out, and answers what could not be.
    pub async fn faults(&self, desired: &Desired) -> Vec<String> {
        let before = self.plane.applied();
        self.desired.send_replace(Arc::new(desired.clone()));
        self.plane.applied_after(before).await;
        self.plane.faults()
    }
}

pub type Entry<'a> = (bool, u32, &'a str, bool, &'a str, (i32, i32));

/// Builds what a scheduler would say.
#[derive(Clone, Default)]
pub struct World(pub Desired);

impl World {
    pub fn vpc(mut self, vpc_id: &str) -> Self {
        let subnet = |id: &str, block: &str| SubnetDesired {
            subnet_id: format!("subnet-{id}"),
            cidr_block: block.into(),
            route_table_id: format!("rtb-{id}"),
            ..SubnetDesired::default()
        };
        let vpc = VpcDesired {
            vpc_id: vpc_id.into(),
            vni: 4096 + u32::from(vpc_id.bytes().last().unwrap_or_default()),
            cidr_block: "172.31.0.0/16".into(),
            domain_name: "ec2.internal".into(),
            subnets: vec![subnet("a", "172.31.0.0/20"), subnet("b", "172.31.16.0/20")],
            route_tables: vec![table("rtb-a", &[("0.0.0.0/0", Some(gateway()))]), table("rtb-b", &[("0.0.0.0/0", Some(gateway()))])],
            ..VpcDesired::default()
        };
        self.0.vpcs.insert(vpc_id.into(), Arc::new(vpc));
        self
    }

    /// Other routes for a subnet of a VPC.
    pub fn routes(mut self, vpc_id: &str, route_table_id: &str, routes: &[(&str, Option<Target>)]) -> Self {
        let vpc = Arc::make_mut(self.0.vpcs.get_mut(vpc_id).unwrap());
        vpc.route_tables.retain(|table| table.route_table_id != route_table_id);
        vpc.route_tables.push(table(route_table_id, routes));
        self
    }

    /// A network ACL for a subnet of a VPC: `(egress, number, protocol, allow, block, ports)`.
    pub fn acl(mut self, vpc_id: &str, subnet_id: &str, entries: &[Entry<'_>]) -> Self {
        let vpc = Arc::make_mut(self.0.vpcs.get_mut(vpc_id).unwrap());
        let network_acl_id = subnet_id.replace("subnet", "acl");
        vpc.network_acls.retain(|acl| acl.network_acl_id != network_acl_id);
        for subnet in vpc.subnets.iter_mut().filter(|subnet| subnet.subnet_id == subnet_id) {
            subnet.network_acl_id.clone_from(&network_acl_id);
        }
        let entry = |&(egress, rule_number, protocol, allow, block, (from_port, to_port)): &Entry<'_>| NetworkAclEntryDesired {
            egress,
            rule_number,
            protocol: protocol.into(),
            allow,
            cidr_block: block.into(),
            from_port,
            to_port,
        };
        vpc.network_acls.push(NetworkAclDesired { network_acl_id, entries: entries.iter().map(entry).collect() });
        self
    }

    pub fn group(mut self, group_id: &str, rules: Vec<RuleDesired>) -> Self {
        let group = SecurityGroupDesired { group_id: group_id.into(), rules, ..SecurityGroupDesired::default() };
        self.0.security_groups.insert(group_id.into(), Arc::new(group));
        self
    }

    /// A NAT gateway in a guest's place: with its addresses, and no guest.
    pub fn nat(mut self, place: &Guest) -> Self {
        let nat_gateway_id = place.nat_gateway_id();
        let interface = place.instance().interfaces.remove(0);
        let gateway =
            NatGatewayDesired { nat_gateway_id: nat_gateway_id.clone(), interface: Some(interface), ..NatGatewayDesired::default() };
        self.0.nat_gateways.insert(nat_gateway_id, Arc::new(gateway));
        self
    }

    pub fn guest(mut self, guest: &Guest) -> Self {
        self.0.instances.insert(guest.instance_id(), Arc::new(guest.instance()));
        self
    }
}

fn table(route_table_id: &str, routes: &[(&str, Option<Target>)]) -> RouteTableDesired {
    let route = |(to, target): &(&str, Option<Target>)| RouteDesired { cidr_block: (*to).into(), target: target.clone() };
    RouteTableDesired { route_table_id: route_table_id.into(), routes: routes.iter().map(route).collect() }
}

pub fn gateway() -> Target {
    Target::InternetGatewayId("igw-1".into())
}

pub fn rule(egress: bool, ip_protocol: &str, from_port: i32, to_port: i32, block: &str) -> RuleDesired {
    RuleDesired { egress, ip_protocol: ip_protocol.into(), from_port, to_port, peer: Some(Peer::CidrIpv4(block.into())) }
}

pub fn ingress(ip_protocol: &str, from_port: i32, to_port: i32) -> RuleDesired {
    rule(false, ip_protocol, from_port, to_port, "0.0.0.0/0")
}

pub fn from_group(ip_protocol: &str, port: i32, group_id: &str) -> RuleDesired {
    RuleDesired { peer: Some(Peer::ReferencedGroupId(group_id.into())), ..ingress(ip_protocol, port, port) }
}

pub fn all_egress() -> RuleDesired {
    rule(true, "-1", -1, -1, "0.0.0.0/0")
}

fn meaning((public, private): &(String, String)) -> PublicAddress {
    PublicAddress { public_ip_address: public.clone(), private_ip_address: private.clone() }
}

/// A namespace that plays a guest.
#[derive(Clone, Debug)]
pub struct Guest {
    pub number: u8,
    /// The host that it is on.
    pub host: String,
    pub vpc_id: String,
    pub subnet_id: String,
    pub address: String,
    pub public: String,
    pub groups: Vec<String>,
    pub source_dest_check: bool,
    /// It is a NAT gateway, and no guest.
    pub translates: bool,
    pub secondary: Vec<String>,
    /// Public addresses of secondary ones, with these.
    pub other_public: Vec<(String, String)>,
}

impl Guest {
    pub fn new(number: u8, vpc_id: &str, groups: &[&str]) -> Self {
        Self {
            number,
            host: HOST.into(),
            vpc_id: vpc_id.into(),
            subnet_id: "subnet-a".into(),
            address: format!("172.31.0.{number}"),
            public: String::new(),
            groups: groups.iter().map(|&group| group.to_owned()).collect(),
            source_dest_check: true,
            translates: false,
            secondary: Vec::new(),
            other_public: Vec::new(),
        }
    }

    pub fn public(mut self, address: &str) -> Self {
        self.public = address.into();
        self
    }

    pub fn at(mut self, subnet_id: &str, address: &str) -> Self {
        (self.subnet_id, self.address) = (subnet_id.into(), address.into());
        self
    }

    /// On another host than the one of [`HOST`].
    pub fn on(mut self, host: &str) -> Self {
        self.host = host.into();
        self
    }

    /// With a secondary address.
    pub fn also(mut self, address: &str) -> Self {
        self.secondary.push(address.into());
        self
    }

    /// With a secondary address that has a public one.
    pub fn also_public(self, address: &str, public: &str) -> Self {
        let mut guest = self.also(address);
        guest.other_public.push((public.into(), address.into()));
        guest
    }

    /// It forwards what is not for it, as a NAT instance does.
    pub fn forwarding(mut self) -> Self {
        self.source_dest_check = false;
        self
    }

    /// A NAT gateway in its place.
    pub fn translating(self) -> Self {
        Self { translates: true, ..self.forwarding() }
    }

    /// This guest as the target of a route.
    pub fn target(&self) -> Target {
        let (network_interface_id, private_ip_address) = (self.interface_id(), self.address.clone());
        Target::NetworkInterface(RouterInterface { network_interface_id, private_ip_address })
    }

    pub fn instance_id(&self) -> String {
        format!("i-{:017x}", self.number)
    }

    pub fn nat_gateway_id(&self) -> String {
        format!("nat-{:017x}", self.number)
    }

    pub fn interface_id(&self) -> String {
        format!("eni-{:017x}", self.number)
    }

    pub fn mac(&self) -> String {
        format!("0a:00:00:00:00:{:02x}", self.number)
    }

    pub fn tap(&self) -> String {
        format!("tap{:012x}", self.number)
    }

    /// The namespace this guest *is*.
    pub fn name(&self) -> String {
        format!("guest{}", self.number)
    }

    /// The namespace of its VPC.
    pub fn vpc_namespace(&self) -> String {
        format!("freehold-{}-{}", self.host, self.vpc_id)
    }

    pub fn instance(&self) -> InstanceDesired {
        let attachment = InterfaceAttachment {
            network_interface_id: self.interface_id(),
            vpc_id: self.vpc_id.clone(),
            subnet_id: self.subnet_id.clone(),
            mac_address: self.mac(),
            private_ip_address: self.address.clone(),
            public_ip_address: self.public.clone(),
            security_group_ids: self.groups.clone(),
            source_dest_check: self.source_dest_check,
            secondary_private_ip_addresses: self.secondary.clone(),
            other_public_ip_addresses: self.other_public.iter().map(meaning).collect(),
            ..InterfaceAttachment::default()
        };
        InstanceDesired {
            instance_id: self.instance_id(),
            account_id: "123456789012".into(),
            instance_type: "t3.micro".into(),
            architecture: "x86_64".into(),
            interfaces: vec![attachment],
            metadata: Some(self.metadata()),
            ..InstanceDesired::default()
        }
    }

    fn metadata(&self) -> Metadata {
        Metadata {
            ami_id: "ami-00000000000000001".into(),
            private_dns_name: format!("ip-{}.ec2.internal", self.address.replace('.', "-")),
            http_tokens: "optional".into(),
            http_endpoint: "enabled".into(),
            http_put_response_hop_limit: 1,
            user_data: "#!/bin/sh\n".into(),
            has_user_data: true,
            region: "us-east-1".into(),
            availability_zone: "us-east-1a".into(),
            ..Metadata::default()
        }
    }

    /// Plugs the guest in before the data plane makes a tap: its end of a pair has the tap's name.
    pub fn plug(&self) -> &Self {
        let (vpc, name, tap) = (self.vpc_namespace(), self.name(), self.tap());
        if !PathBuf::from("/run/netns").join(&vpc).exists() {
            run(&format!("ip netns add {vpc}"));
        }
        run(&format!("ip netns add {name}"));
        run(&format!("ip link add {tap} netns {vpc} type veth peer name eth0 netns {name}"));
        run(&format!("ip -n {name} link set eth0 address {} up; ip -n {name} link set lo up", self.mac()));
        self
    }

    /// Gives the guest its address by hand, as a guest does after DHCP.
    pub fn addressed(&self) -> &Self {
        let (name, subnet) = (self.name(), if self.subnet_id == "subnet-a" { "172.31.0.1" } else { "172.31.16.1" });
        run(&format!("ip -n {name} addr add {}/20 dev eth0; ip -n {name} route add default via {subnet}", self.address));
        self
    }

    #[track_caller]
    pub fn run(&self, line: &str) -> String {
        run(&format!("ip netns exec {} {line}", self.name()))
    }

    pub fn output(&self, line: &str) -> Output {
        output(&format!("ip netns exec {} {line}", self.name()))
    }

    /// Starts something that goes on, with its input and output at hand.
    pub fn start(&self, program: &str, arguments: &[&str]) -> std::process::Child {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name(), program]).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
    }

    pub fn succeeds(&self, line: &str) -> bool {
        self.output(line).status.success()
    }
}

/// Answers every TCP connection to `port` in the namespace `name`, until dropped.
pub struct Listener(std::process::Child);

impl Listener {
    pub fn start(name: &str, port: u16) -> Self {
        let script = format!(
            "import socket\ns=socket.create_server(('0.0.0.0',{port}))\nwhile True:\n c,a=s.accept(); c.sendall(a[0].encode()); c.close()"
        );
        let child = std::process::Command::new("ip").args(["netns", "exec", name, "python3", "-c", &script]).spawn().unwrap();
        eventually("the listener listens", || run(&format!("ip netns exec {name} ss -Hltn")).contains(&format!(":{port} ")));
        Self(child)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Whom the other end saw, if it was reached.
pub fn reach(from: &Guest, address: &str, port: u16) -> Option<String> {
    let output = from.output(&format!("timeout 1 busybox nc {address} {port}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (!text.is_empty()).then_some(text)
}
