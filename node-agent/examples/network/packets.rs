//! What packets cost: from guest to guest and from guest to outside, beside a bare pair of links, in turns. Namespaces are plugged in as guests
//! are, so that what stands in between is the data plane and nothing else.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use freehold_node_agent::desired::Desired;
use freehold_node_agent::network::{Config, DataPlane};
use freehold_proto::clock::SystemClock;
use freehold_proto::internal::host::route_desired::Target;
use freehold_proto::internal::host::rule_desired::Peer;
use freehold_proto::internal::host::{
    InstanceDesired, InterfaceAttachment, RouteDesired, RouteTableDesired, RuleDesired, SecurityGroupDesired, SubnetDesired, VpcDesired,
};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};

use crate::{Failure, HOST, VPC};

const ROUNDS: usize = 9;
const CONNECTIONS: u32 = 200;
const ROUND_TRIPS: u32 = 3_000;
const CHUNK: usize = 64 << 10;
const MEBIBYTES: u32 = 64;
const CHUNKS: u32 = 16 * MEBIBYTES;

/// From where to whom.
struct Way {
    name: &'static str,
    from: &'static str,
    to: &'static str,
    address: Ipv4Addr,
}

const WAYS: [Way; 3] = [
    Way { name: "a bare pair", from: "bare1", to: "bare2", address: Ipv4Addr::new(192, 0, 2, 2) },
    Way { name: "guest to guest", from: "guest5", to: "guest6", address: Ipv4Addr::new(172, 31, 0, 6) },
    Way { name: "guest to outside", from: "guest5", to: "world", address: Ipv4Addr::new(203, 0, 113, 254) },
];

/// By measure and by way, microseconds.
pub type Figures = [[f64; WAYS.len()]; 3];

pub const MEASURES: [&str; 3] = ["a connection", "a round trip", "a mebibyte"];

pub fn names() -> [&'static str; WAYS.len()] {
    WAYS.map(|way| way.name)
}

/// `None`: this may make no namespace.
pub fn measure() -> Result<Option<Figures>, Failure> {
    std::thread::spawn(|| {
        if unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).is_err() {
            return Ok(None);
        }
        let state = tempfile::tempdir()?;
        mount(None::<&str>, "/", None::<&str>, MsFlags::MS_PRIVATE | MsFlags::MS_REC, None::<&str>)?;
        mount(Some("run"), "/run", Some("tmpfs"), MsFlags::empty(), None::<&str>)?;
        mount(Some("sys"), "/sys", Some("sysfs"), MsFlags::empty(), None::<&str>)?;
        wire()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (_sender, desired) = tokio::sync::watch::channel(Arc::new(world()));
        let plane = runtime.block_on(DataPlane::start(Config::default(), state.path(), HOST, desired, Arc::new(SystemClock)))?;
        match plane.faults().first() {
            Some(fault) => Err(fault.clone().into()),
            None => in_turns().map(Some),
        }
    })
    .join()
    .map_err(|_| "the measurement failed")?
}

fn in_turns() -> Result<Figures, Failure> {
    let mut samples: [[Vec<f64>; WAYS.len()]; 3] = Default::default();
    for _ in 0..ROUNDS {
        for (at, way) in WAYS.iter().enumerate() {
            let once = sample(way)?;
            samples.iter_mut().zip(once).for_each(|(of_measure, figure)| of_measure[at].push(figure));
        }
    }
    Ok(samples.map(|of_measure| {
        of_measure.map(|mut of_way| {
            of_way.sort_by(f64::total_cmp);
            of_way.get(ROUNDS / 2).copied().unwrap_or_default()
        })
    }))
}

/// All three measures once.
fn sample(way: &'static Way) -> Result<[f64; 3], Failure> {
    let (listening, port) = mpsc::channel();
    let server = inside(way.to, move || serve(&listening));
    let port = port.recv_timeout(Duration::from_secs(5))?;
    let client = inside(way.from, move || {
        let connect = || TcpStream::connect_timeout(&(way.address, port).into(), Duration::from_secs(5));
        let connection = each(CONNECTIONS, || connect().map(drop))?;
        let mut stream = connect()?;
        stream.set_nodelay(true)?;
        stream.write_all(b"e")?;
        let mut byte = [0];
        let round_trip = each(ROUND_TRIPS, || stream.write_all(b"x").and_then(|()| stream.read_exact(&mut byte)))?;
        drop(stream);
        let (mut stream, chunk) = (connect()?, vec![0; CHUNK]);
        stream.write_all(b"b")?;
        let began = Instant::now();
        (0..CHUNKS).try_for_each(|_| stream.write_all(&chunk))?;
        stream.shutdown(Shutdown::Write)?;
        stream.read_exact(&mut byte)?;
        Ok([connection, round_trip, began.elapsed().as_secs_f64() * 1e6 / f64::from(MEBIBYTES)])
    });
    let figures = client.join().map_err(|_| "a client failed")??;
    server.join().map_err(|_| "a server failed")??;
    Ok(figures)
}

/// Echoes, or takes everything and says so; whatever a connection's first byte asks.
fn serve(listening: &mpsc::Sender<u16>) -> Result<(), Failure> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    listening.send(listener.local_addr()?.port())?;
    for stream in listener.incoming().take(CONNECTIONS as usize + 2) {
        let mut stream = stream?;
        stream.set_nodelay(true)?;
        let (mut buffer, mut first) = (vec![0; CHUNK], [0]);
        match stream.read(&mut first) {
            Ok(1) => {}
            _ => continue,
        }
        while let Ok(length @ 1..) = stream.read(&mut buffer) {
            if first == *b"e" {
                stream.write_all(buffer.get(..length).unwrap_or_default())?;
            }
        }
        if first == *b"b" {
            stream.write_all(b".")?;
        }
    }
    Ok(())
}

/// Microseconds.
fn each(times: u32, mut once: impl FnMut() -> std::io::Result<()>) -> Result<f64, Failure> {
    let began = Instant::now();
    (0..times).try_for_each(|_| once())?;
    Ok(began.elapsed().as_secs_f64() * 1e6 / f64::from(times))
}

fn inside<T: Send + 'static>(
    namespace: &str,
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> std::thread::JoinHandle<Result<T, Failure>> {
    let path = format!("/run/netns/{namespace}");
    std::thread::spawn(move || {
        setns(&std::fs::File::open(path)?, CloneFlags::CLONE_NEWNET)?;
        work()
    })
}

fn sh(line: &str) -> Result<(), Failure> {
    let status = Command::new("sh").args(["-ec", line]).status()?;
    if status.success() { Ok(()) } else { Err(format!("{line}: {status}").into()) }
}

/// A world beyond the host, two guests, and a bare pair.
fn wire() -> Result<(), Failure> {
    sh("ip link set lo up; ip netns add world; ip link add eth0 type veth peer name eth0 netns world
        ip addr add 203.0.113.1/24 dev eth0; ip link set eth0 up
        ip -n world addr add 203.0.113.254/24 dev eth0; ip -n world link set eth0 up; ip route add default via 203.0.113.254
        ip netns add bare1; ip netns add bare2; ip link add e0 netns bare1 type veth peer name e0 netns bare2
        ip -n bare1 addr add 192.0.2.1/24 dev e0; ip -n bare1 link set e0 up
        ip -n bare2 addr add 192.0.2.2/24 dev e0; ip -n bare2 link set e0 up")?;
    let vpc = format!("freehold-{HOST}-{VPC}");
    sh(&format!("ip netns add {vpc}"))?;
    for number in [5, 6] {
        sh(&format!(
            "ip netns add guest{number}
             ip link add tap{number:012x} netns {vpc} type veth peer name eth0 netns guest{number}
             ip -n guest{number} link set eth0 address {} up
             ip -n guest{number} addr add 172.31.0.{number}/20 dev eth0; ip -n guest{number} route add default via 172.31.0.1",
            mac(number)
        ))?;
    }
    Ok(())
}

fn mac(number: u8) -> String {
    format!("0a:00:00:00:00:{number:02x}")
}

fn world() -> Desired {
    let subnet = SubnetDesired {
        subnet_id: "subnet-1".into(),
        cidr_block: "172.31.0.0/20".into(),
        route_table_id: "rtb-1".into(),
        ..SubnetDesired::default()
    };
    let out = RouteDesired { cidr_block: "0.0.0.0/0".into(), target: Some(Target::InternetGatewayId("igw-1".into())) };
    let vpc = VpcDesired {
        vpc_id: VPC.into(),
        cidr_block: "172.31.0.0/16".into(),
        subnets: vec![subnet],
        route_tables: vec![RouteTableDesired { route_table_id: "rtb-1".into(), routes: vec![out] }],
        ..VpcDesired::default()
    };
    let rule = |egress, protocol: &str, port, block: &str| RuleDesired {
        egress,
        ip_protocol: protocol.into(),
        from_port: port,
        to_port: if port < 0 { port } else { 65_535 },
        peer: Some(Peer::CidrIpv4(block.into())),
    };
    let rules = vec![rule(false, "tcp", 1_024, "172.31.0.0/16"), rule(true, "-1", -1, "0.0.0.0/0")];
    let group = SecurityGroupDesired { group_id: "sg-1".into(), vpc_id: VPC.into(), rules, ..SecurityGroupDesired::default() };
    let guests = [instance(5, "198.18.0.5"), instance(6, "")];
    Desired {
        instances: guests.map(|guest| (guest.instance_id.clone(), Arc::new(guest))).into(),
        vpcs: [(VPC.to_owned(), Arc::new(vpc))].into(),
        security_groups: [("sg-1".to_owned(), Arc::new(group))].into(),
        ..Desired::default()
    }
}

fn instance(number: u8, public: &str) -> InstanceDesired {
    let interface = InterfaceAttachment {
        network_interface_id: format!("eni-{number:017x}"),
        vpc_id: VPC.into(),
        subnet_id: "subnet-1".into(),
        mac_address: mac(number),
        private_ip_address: format!("172.31.0.{number}"),
        public_ip_address: public.into(),
        security_group_ids: vec!["sg-1".into()],
        source_dest_check: true,
        ..InterfaceAttachment::default()
    };
    InstanceDesired {
        instance_id: format!("i-{number:017x}"),
        driver: "qemu".into(),
        interfaces: vec![interface],
        ..InstanceDesired::default()
    }
}
