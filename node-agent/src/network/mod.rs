//! The network data plane: what guests' packets meet on this host.
//!
//! Owns: a namespace per VPC with a routed tap per interface, its filters, DHCP and DNS in it; public addresses and the way out on the
//! host. Does not own: guests (a driver opens the tap that [`DataPlane::interface_ready`] names) nor any decision: it follows
//! [`Desired`], and keeps working on the last one while nobody sends another.
//!
//! ```text
//!   host's namespace                       │ VPC's namespace freehold-HOST-VPC
//!   public /32 routes ─ fhv… ══════════════╪══ ext0 ─ 1:1 NAT ─ groups ─ tap… ── guest
//!   masquerade ─ eth0                      │   lo: .1 of each subnet, VPC+2 (DNS), 169.254.169.254 (metadata)
//!   UDP 4789 ════ VXLAN of each VPC ═══════╪══ vx0 ─ groups ─ tap… ── guest; to the same VPC on other hosts
//!                                          │ pcx… ══ namespace of a peered VPC
//!   UDP 4789 ════ VXLAN of the hosts ─ fhp…│   to public addresses on other hosts
//! ```
//!
//! Invariants:
//! - A guest is filtered before its interface exists, and its interface is *ready* only after all of its rules stand.
//! - Two VPCs share no table, route, neighbour or address: overlapping blocks do not meet. What joins two peers is a pair of links.
//! - Every name outside a VPC's namespace carries the host id; `teardown` finds all of it without remembering any of it.
//! - The runtime's threads are in the host's namespace and stay there.

mod dhcp;
mod dns;
mod firewall;
mod names;
mod namespace;
mod nat;
mod netlink;
mod nft;
mod outside;
mod peer;
pub mod plan;
mod public;
mod reconcile;
mod services;
mod sysctl;
pub mod tap;
mod tunnel;
mod turns;
mod vpc;

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use freehold_proto::clock::Clock;
use freehold_proto::internal::host::{InterfaceAttachment, ResourceKind};
use ipnet::Ipv4Net;
use tokio::sync::{mpsc, oneshot, watch};

use crate::desired::Desired;
use crate::imds;
use crate::ports::{PortError, Ports, Tap};
use plan::Mentioned;
use reconcile::{Applied, Command, Reconciler};
pub use services::View;
pub use turns::{Turn, Turns};

/// How long an interface may take to be there, or to be gone.
const READY: Duration = Duration::from_mins(1);
/// How long a teardown may take.
const TEARDOWN: Duration = Duration::from_mins(1);

/// The data plane's part of the agent's configuration.
#[derive(Clone, Debug, serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where namespaces are named. Default: `/run/netns`, where `ip netns` looks.
    pub namespace_directory: PathBuf,
    /// Resolvers that guests' questions are forwarded to. Default: none, which means those of `/etc/resolv.conf`.
    pub resolvers: Vec<SocketAddr>,
    /// Public addresses in these ranges are unknown beyond this host: packets from them leave it under the host's own address.
    /// Default: `198.18.0.0/15`.
    pub masquerade: Vec<Ipv4Net>,
    /// The host as guests see it. Default: `198.18.0.0`, which with the next one is never given to an
    /// interface, since a pool's first and last address are not.
    pub host_address: Ipv4Addr,
    /// A VPC's namespace as the host sees it, in error messages of the network. Default: `198.19.255.255`.
    pub vpc_address: Ipv4Addr,
    /// Let guests' packets through a firewall of the host that drops what is forwarded (Docker's, ufw's, firewalld's). Default: true.
    /// If not, the operator lets them through, or guests reach the host only.
    pub open_host_firewall: bool,
    /// Ports of TCP at which guests with a public address reach this host: the API's, 8773, for clients in guests. Default: none, so that guests
    /// reach nothing of it but DHCP, DNS and instance metadata.
    pub host_ports: Vec<u16>,
    /// Of every guest's interface; where there is a tunnel address, as much less as its link needs for the tunnel (50 bytes). Default: 1500.
    pub mtu: u32,
    /// The IPv4 address of this host at which it takes other hosts' packets for its guests, in VXLAN (UDP 4789). Default: on a host that has
    /// joined a cluster elsewhere the one that it reaches its scheduler from, on any other none. `0.0.0.0` is none: its guests reach those
    /// of no other host.
    pub tunnel_address: Option<Ipv4Addr>,
    /// For how long a guest may use its address without asking again; at half of that it does. Default: 3600, as on EC2.
    pub dhcp_lease_seconds: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            namespace_directory: "/run/netns".into(),
            resolvers: Vec::new(),
            masquerade: vec![Ipv4Net::new_assert(Ipv4Addr::new(198, 18, 0, 0), 15)],
            host_address: Ipv4Addr::new(198, 18, 0, 0),
            vpc_address: Ipv4Addr::new(198, 19, 255, 255),
            open_host_firewall: true,
            host_ports: Vec::new(),
            mtu: 1500,
            tunnel_address: None,
            dhcp_lease_seconds: 3600,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("can not {what}")]
    Io { what: &'static str, source: io::Error },
    #[error("can not {what}")]
    Netlink { what: &'static str, source: rtnetlink::Error },
    #[error("nft refused the rules: {0}")]
    Nft(String),
    #[error("{0} took too long")]
    Timeout(&'static str),
    #[error("{0} is not there")]
    Missing(&'static str),
    #[error("the interface is not ready: {0}")]
    NotReady(String),
    #[error("something of it is still there: {0}")]
    StillThere(String),
    #[error("the data plane has stopped")]
    Stopped,
}

impl Error {
    fn io(what: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self::Io { what, source }
    }

    fn netlink(what: &'static str) -> impl Fn(rtnetlink::Error) -> Self {
        move |source| Self::Netlink { what, source }
    }
}

/// The running data plane. Dropping it ends its services and leaves guests' network as it is.
#[derive(Debug)]
pub struct DataPlane {
    host_id: String,
    commands: mpsc::Sender<Command>,
    applied: watch::Receiver<Applied>,
}

impl DataPlane {
    /// Starts to follow `desired`; returns after the first attempt to apply it. What must survive is in `state_folder`'s `network`.
    pub async fn start(
        config: Config,
        state_folder: &Path,
        host_id: &str,
        desired: watch::Receiver<Arc<Desired>>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let folder = state_folder.join("network");
        std::fs::create_dir_all(&folder).map_err(Error::io("make the data plane's folder"))?;
        let (commands, received) = mpsc::channel(4);
        let (applied_sender, mut applied) = watch::channel(Applied::default());
        let metadata = imds::Service::open(&folder, clock).map_err(Error::io("open the key of the metadata service"))?;
        let reconciler = Reconciler::new(config, folder, host_id.to_owned(), desired, applied_sender, Arc::new(metadata));
        tokio::spawn(reconciler.run(received));
        applied.wait_for(|applied| applied.attempts > 0).await.map_err(|_| Error::Stopped)?;
        Ok(Self { host_id: host_id.to_owned(), commands, applied })
    }

    /// Waits until the interface, with all of its rules, is there for a hypervisor to open.
    pub async fn interface_ready(&self, network_interface_id: &str) -> Result<Tap, Error> {
        let mut applied = self.applied.clone();
        let ready = tokio::time::timeout(READY, applied.wait_for(|applied| applied.taps.contains_key(network_interface_id)));
        if let Ok(found) = ready.await {
            let found = found.map_err(|_| Error::Stopped)?;
            return found.taps.get(network_interface_id).cloned().ok_or(Error::Stopped);
        }
        let why = self.applied.borrow().why(network_interface_id);
        Err(Error::NotReady(why))
    }

    /// Waits until the NAT gateway with this interface, as it is stated here, passes packets on.
    pub async fn gateway_ready(&self, interface: &InterfaceAttachment) -> Result<(), Error> {
        let id = &interface.network_interface_id;
        let stated: Vec<&String> = [&interface.private_ip_address].into_iter().chain(&interface.secondary_private_ip_addresses).collect();
        let has = |there: &BTreeSet<Ipv4Addr>| stated.iter().all(|text| text.parse().is_ok_and(|address| there.contains(&address)));
        let mut applied = self.applied.clone();
        match tokio::time::timeout(READY, applied.wait_for(|applied| applied.translating.get(id).is_some_and(has))).await {
            Ok(found) => found.map(drop).map_err(|_| Error::Stopped),
            Err(_) => Err(Error::NotReady(self.applied.borrow().why(id))),
        }
    }

    /// Waits until nothing of these interfaces is left on the host.
    pub async fn interfaces_gone(&self, network_interface_ids: &[String]) -> Result<(), Error> {
        let taps: Vec<String> = network_interface_ids.iter().map(|id| names::tap(id)).collect();
        self.gone(move |mentioned| !taps.iter().any(|tap| mentioned.taps.contains(tap))).await
    }

    /// Waits until nothing of this VPC is left on the host.
    pub async fn vpc_gone(&self, vpc_id: &str) -> Result<(), Error> {
        let namespace = names::namespace(&self.host_id, vpc_id);
        self.gone(move |mentioned| !mentioned.namespaces.contains(&namespace)).await
    }

    /// Waits for a pass that removed whatever `Desired` did not mention, where that satisfies `condition`.
    async fn gone(&self, condition: impl Fn(&Mentioned) -> bool) -> Result<(), Error> {
        let mut applied = self.applied.clone();
        let gone = applied.wait_for(|applied| applied.complete.as_ref().is_some_and(&condition));
        match tokio::time::timeout(READY, gone).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(Error::Stopped),
            Err(_) => Err(Error::StillThere(self.faults().join("; "))),
        }
    }

    /// Waits until the data plane has ended.
    pub async fn ended(&self) {
        let mut applied = self.applied.clone();
        while applied.changed().await.is_ok() {}
    }

    /// What of the last `Desired` could not be applied, and why; empty when all is as it should be.
    pub fn faults(&self) -> Vec<String> {
        self.applied.borrow().faults.iter().map(|(subject, reason)| format!("{subject}: {reason}")).collect()
    }

    /// How often `Desired` has been applied so far; see [`Self::applied_after`].
    pub fn applied(&self) -> u64 {
        self.applied.borrow().attempts
    }

    /// Waits until `Desired` has been applied once more than `attempts` times, successfully or not.
    pub async fn applied_after(&self, attempts: u64) {
        // An end of the reconciler is an answer too: nothing more will be applied.
        drop(self.applied.clone().wait_for(|applied| applied.attempts > attempts).await);
    }

    /// Looks at everything at once, as it does from time to time, and waits until that is done: what somebody else took away is back.
    pub async fn look(&self) -> Result<(), Error> {
        self.command(Command::Look).await
    }

    /// Ends the services and leaves guests' network in place, for another agent to take up.
    pub async fn stop(&self) -> Result<(), Error> {
        self.command(Command::Stop).await
    }

    /// Ends the services and removes everything of this host id from the machine.
    pub async fn teardown(&self) -> Result<(), Error> {
        self.command(Command::Teardown).await
    }

    async fn command(&self, command: impl FnOnce(oneshot::Sender<Result<(), Error>>) -> Command) -> Result<(), Error> {
        let (sender, receiver) = oneshot::channel();
        self.commands.send(command(sender)).await.map_err(|_| Error::Stopped)?;
        tokio::time::timeout(TEARDOWN, receiver).await.map_err(|_| Error::Timeout("the teardown"))?.map_err(|_| Error::Stopped)?
    }
}

#[tonic::async_trait]
impl Ports for DataPlane {
    async fn ready(&self, network_interface_id: &str) -> Result<Tap, PortError> {
        self.interface_ready(network_interface_id).await.map_err(|error| PortError(sentence(&error)))
    }

    async fn translating(&self, interface: &InterfaceAttachment) -> Result<(), PortError> {
        self.gateway_ready(interface).await.map_err(|error| PortError(sentence(&error)))
    }

    async fn withdrawn(&self, kind: ResourceKind, id: &str, network_interface_ids: &[String]) -> Result<(), PortError> {
        match kind {
            ResourceKind::Instance => self.interfaces_gone(network_interface_ids).await.map_err(|error| PortError(sentence(&error))),
            // Its namespace is named as a VPC's is, and the pair that leads there goes with it.
            ResourceKind::Vpc | ResourceKind::NatGateway => self.vpc_gone(id).await.map_err(|error| PortError(sentence(&error))),
            // Rules that no interface has are nowhere on the host; volumes never were.
            ResourceKind::SecurityGroup | ResourceKind::Volume | ResourceKind::Unspecified => Ok(()),
        }
    }
}

/// With all of its causes, since a port's error is a sentence for the operator.
fn sentence(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
