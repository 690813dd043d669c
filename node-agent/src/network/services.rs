//! What answers guests inside a VPC's namespace: DHCP, DNS and instance metadata.
//!
//! Owns: the sockets, made inside the namespace, and the tasks behind them. They follow the plan through a watch channel, so that a
//! change restarts nothing; they need nothing but the plan, so they answer while the control plane is down.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, UdpSocket};
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::namespace::Namespace;
use super::plan::{METADATA, RESOLVER, VpcPlan};
use super::{Error, dhcp, dns};
use crate::imds;

/// What the services of one VPC know.
#[derive(Clone, Debug)]
pub struct View {
    pub plan: Arc<VpcPlan>,
    /// The interface behind each tap's index.
    pub taps: BTreeMap<u32, String>,
    /// Where questions about the outside world go.
    pub resolvers: Vec<SocketAddr>,
    pub mtu: u32,
    pub lease_seconds: u32,
}

/// The services of one VPC; they end when this is dropped.
#[derive(Debug)]
pub struct Services {
    view: watch::Sender<Arc<View>>,
    namespace: u64,
    resolver: Ipv4Addr,
    tasks: JoinSet<()>,
}

impl Services {
    pub async fn start(namespace: &Namespace, view: View, metadata: &Arc<imds::Service>) -> Result<Self, Error> {
        let resolver = view.plan.resolver;
        let sockets = namespace.run(move || Sockets::open(resolver)).await.map_err(Error::io("open the services' sockets"))?;
        let id = namespace.id().map_err(Error::io("identify a namespace"))?;
        let (sender, view) = watch::channel(Arc::new(view));
        let mut tasks = JoinSet::new();
        tasks.spawn(dhcp::serve(adopt(tokio::net::UdpSocket::from_std(sockets.dhcp))?, view.clone()));
        let questions = dns::Forwarder::new(view.clone());
        for socket in sockets.dns {
            tasks.spawn(dns::serve_udp(adopt(tokio::net::UdpSocket::from_std(socket))?, questions.clone()));
        }
        for listener in sockets.dns_streams {
            tasks.spawn(dns::serve_tcp(adopt(tokio::net::TcpListener::from_std(listener))?, questions.clone()));
        }
        let listener = adopt(tokio::net::TcpListener::from_std(sockets.metadata))?;
        tasks.spawn(imds::serve(listener, view, Arc::clone(metadata)));
        Ok(Self { view: sender, namespace: id, resolver, tasks })
    }

    /// Takes over a new view, if these services can serve it: in the same namespace, on the same addresses, all still running.
    pub fn take(&mut self, namespace: &Namespace, view: View) -> Result<(), View> {
        let same = namespace.id().is_ok_and(|id| id == self.namespace) && view.plan.resolver == self.resolver;
        if !same || self.tasks.try_join_next().is_some() {
            return Err(view);
        }
        self.view.send_replace(Arc::new(view));
        Ok(())
    }
}

impl Services {
    /// Ends them and waits until their sockets are closed.
    pub async fn end(mut self) {
        self.tasks.shutdown().await;
    }
}

struct Sockets {
    dhcp: UdpSocket,
    dns: [UdpSocket; 2],
    dns_streams: [TcpListener; 2],
    metadata: TcpListener,
}

impl Sockets {
    /// In the calling thread's namespace.
    fn open(resolver: Ipv4Addr) -> std::io::Result<Self> {
        let at = |address, port| SocketAddrV4::new(address, port);
        let sockets = Self {
            dhcp: dhcp::socket()?,
            dns: [UdpSocket::bind(at(resolver, 53))?, UdpSocket::bind(at(RESOLVER, 53))?],
            dns_streams: [TcpListener::bind(at(resolver, 53))?, TcpListener::bind(at(RESOLVER, 53))?],
            metadata: TcpListener::bind(at(METADATA, 80))?,
        };
        for socket in &sockets.dns {
            socket.set_nonblocking(true)?;
        }
        for listener in sockets.dns_streams.iter().chain([&sockets.metadata]) {
            listener.set_nonblocking(true)?;
        }
        Ok(sockets)
    }
}

fn adopt<T>(socket: std::io::Result<T>) -> Result<T, Error> {
    socket.map_err(Error::io("adopt a socket"))
}
