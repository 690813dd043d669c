//! Several hosts in one test: each a namespace on a common link, with a thread of its own on which its data plane runs, since a data plane is
//! where its threads are.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

use freehold_node_agent::desired::Desired;
use freehold_node_agent::network::{Config, DataPlane};
use freehold_proto::clock::SystemClock;
use freehold_proto::internal::host::{InterfaceElsewhere, PublicAddress, PublicAddressElsewhere};
use nix::sched::{CloneFlags, setns};
use tokio::sync::{oneshot, watch};

use crate::lab::{Guest, World, run};

/// The hosts of a test, wired to each other.
pub struct Cluster {
    hosts: Vec<Host>,
}

pub struct Host {
    pub id: String,
    pub address: Ipv4Addr,
    desired: watch::Sender<Arc<Desired>>,
    state: tempfile::TempDir,
    running: Option<Running>,
}

struct Running {
    plane: Arc<DataPlane>,
    end: oneshot::Sender<()>,
    thread: std::thread::JoinHandle<()>,
}

pub fn host_id(number: u8) -> String {
    format!("host-{number:017x}")
}

/// What the link between hosts takes. A guest's packet takes 50 bytes less.
const LINK_MTU: u32 = 1500;

impl Cluster {
    /// `count` hosts, numbered from 1 on: 10.209.0.1, 10.209.0.2, and so on. Guests are plugged in between this and `start`.
    pub fn wire(count: u8) -> Self {
        run("ip link add br0 type bridge; ip link set br0 up");
        let hosts = (1..=count).map(|number| {
            wire(&host_id(number), &format!("10.209.0.{number}"), &format!("u{number}"));
            Host {
                id: host_id(number),
                address: Ipv4Addr::new(10, 209, 0, number),
                desired: watch::channel(Arc::default()).0,
                state: tempfile::tempdir().unwrap(),
                running: None,
            }
        });
        Self { hosts: hosts.collect() }
    }

    pub fn host(&self, number: u8) -> &Host {
        &self.hosts[usize::from(number) - 1]
    }

    pub fn host_mut(&mut self, number: u8) -> &mut Host {
        &mut self.hosts[usize::from(number) - 1]
    }

    /// Starts the data plane of each host, with what a scheduler would say to it.
    pub async fn start(&mut self, world: &World, guests: &[&Guest]) {
        for number in 1..=u8::try_from(self.hosts.len()).unwrap() {
            let desired = self.desired(number, world, guests);
            self.host(number).desired.send_replace(Arc::new(desired));
            self.host_mut(number).start().await;
        }
    }

    /// Tells every host, and waits until each has carried it out.
    pub async fn state(&self, world: &World, guests: &[&Guest]) {
        for number in 1..=u8::try_from(self.hosts.len()).unwrap() {
            self.state_to(number, world, guests).await;
        }
    }

    /// Tells one host.
    pub async fn state_to(&self, number: u8, world: &World, guests: &[&Guest]) {
        self.host(number).state(self.desired(number, world, guests)).await;
    }

    /// Its own guests are instances, those elsewhere in its VPCs and in their peers are mentioned.
    fn desired(&self, number: u8, world: &World, guests: &[&Guest]) -> Desired {
        let here = &self.host(number).id;
        let own = || guests.iter().filter(|guest| guest.host == *here);
        let mut desired = own().fold(world.clone(), |world, guest| if guest.translates { world.nat(guest) } else { world.guest(guest) }).0;
        let mut told: BTreeSet<String> = own().map(|guest| guest.vpc_id.clone()).collect();
        let peers = told.iter().filter_map(|id| world.0.vpcs.get(id)).flat_map(|vpc| &vpc.peerings).map(|it| it.peer_vpc_id.clone());
        told.extend(peers.collect::<Vec<_>>());
        desired.vpcs.retain(|vpc_id, _| told.contains(vpc_id));
        for guest in guests.iter().filter(|guest| guest.host != *here && desired.vpcs.contains_key(&guest.vpc_id)) {
            let there = self.hosts.iter().find(|host| host.id == guest.host).unwrap();
            let interface = elsewhere(guest, there.address);
            desired.interfaces_elsewhere.insert(guest.interface_id(), Arc::new(interface));
        }
        desired.public_elsewhere = self.public_elsewhere(number, guests);
        desired
    }
}

impl Cluster {
    fn public_elsewhere(&self, number: u8, guests: &[&Guest]) -> BTreeMap<String, Arc<PublicAddressElsewhere>> {
        let others = || self.hosts.iter().filter(|host| host.id != self.host(number).id);
        let of = |host: &Host| guests.iter().filter(|guest| guest.host == host.id).map(|guest| guest.public.clone()).collect::<Vec<_>>();
        let stated = others().flat_map(|host| {
            let addresses = of(host).into_iter().filter(|public| !public.is_empty()).chain([host.address.to_string()]);
            addresses.map(|public| {
                let tunnel_address = host.address.to_string();
                (public.clone(), Arc::new(PublicAddressElsewhere { public_ip_address: public, tunnel_address }))
            })
        });
        stated.collect()
    }
}

/// A machine on the hosts' link.
pub fn wire(name: &str, address: &str, port: &str) {
    run(&format!("ip netns add {name}; ip -n {name} link set lo up"));
    run(&format!("ip link add {port} master br0 up mtu {LINK_MTU} type veth peer name eth0 netns {name}"));
    run(&format!("ip -n {name} addr add {address}/24 dev eth0; ip -n {name} link set eth0 up mtu {LINK_MTU}"));
}

fn elsewhere(guest: &Guest, host: Ipv4Addr) -> InterfaceElsewhere {
    InterfaceElsewhere {
        network_interface_id: guest.interface_id(),
        vpc_id: guest.vpc_id.clone(),
        subnet_id: guest.subnet_id.clone(),
        tunnel_address: host.to_string(),
        private_ip_addresses: [guest.address.clone()].into_iter().chain(guest.secondary.iter().cloned()).collect(),
        security_group_ids: guest.groups.clone(),
        source_dest_check: guest.source_dest_check,
        public_ip_addresses: Some(&guest.public)
            .filter(|public| !public.is_empty())
            .map(|public| PublicAddress { public_ip_address: public.clone(), private_ip_address: guest.address.clone() })
            .into_iter()
            .collect(),
    }
}

impl Host {
    /// Starts its data plane on a thread that is in its namespace. What was stated last is what it finds, as on its disk.
    pub async fn start(&mut self) {
        let (name, id, folder) = (self.id.clone(), self.id.clone(), self.state.path().to_owned());
        let (desired, address) = (self.desired.subscribe(), self.address);
        let (started, starting) = oneshot::channel();
        let (end, ended) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let namespace = std::fs::File::open(format!("/run/netns/{name}")).unwrap();
            setns(&namespace, CloneFlags::CLONE_NEWNET).unwrap();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let config = Config { tunnel_address: Some(address), ..Config::default() };
                let plane = Arc::new(DataPlane::start(config, &folder, &id, desired, Arc::new(SystemClock)).await.unwrap());
                drop(started.send(plane));
                drop(ended.await);
            });
        });
        let plane: Arc<DataPlane> = starting.await.unwrap();
        assert_eq!(plane.faults(), [""; 0]);
        self.running = Some(Running { plane, end, thread });
    }

    /// The agent's process ends; its guests' network stays.
    pub fn kill(&mut self) {
        let Running { end, thread, .. } = self.running.take().unwrap();
        drop(end);
        thread.join().unwrap();
    }

    pub fn plane(&self) -> &DataPlane {
        &self.running.as_ref().unwrap().plane
    }

    async fn state(&self, desired: Desired) {
        let before = self.plane().applied();
        self.desired.send_replace(Arc::new(desired));
        self.plane().applied_after(before).await;
        assert_eq!(self.plane().faults(), [""; 0], "{}", self.id);
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for host in &mut self.hosts {
            if host.running.is_some() && !std::thread::panicking() {
                host.kill();
            }
        }
    }
}
