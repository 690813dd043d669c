//! The host's own namespace: how it reaches guests' public addresses and how guests with one reach the world.
//!
//! Owns: the host's ends of the pairs and their routes, one nftables table, and forwarding on the interfaces that lead out. All of it is
//! found again by the host id in its name (or by a file, for forwarding), and goes when the last VPC goes.
//!
//! Forwarding is switched on only for the interfaces that need it, not for the machine; and where that makes the host a router between
//! networks of its own, the table drops what is not a guest's.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::namespace::Namespace;
use super::netlink::{Netlink, Route, Way};
use super::plan::{HostPlan, Outside};
use super::public::{self, Public};
use super::{Config, Error, firewall, names, nft, sysctl, tunnel, vpc};

/// The file that remembers where forwarding was off before.
const OPENED: &str = "forwarding.json";

pub struct HostSide {
    pub config: Config,
    pub host_id: String,
    pub state_directory: PathBuf,
    pub known: Known,
    /// This host's end of tunnels.
    pub own: Option<tunnel::Own>,
}

/// What the last pass left on the host's side.
#[derive(Debug, Default)]
pub struct Known {
    rules: Option<nft::Standing>,
    /// The interfaces on which only we opened forwarding.
    opened: Option<BTreeSet<String>>,
    ways: Option<Ways>,
}

/// The index of each uplink and of the tunnel, and the routes over them.
#[derive(Debug)]
struct Ways {
    links: BTreeMap<String, u32>,
    routes: BTreeSet<Route>,
    public: Option<Public>,
}

impl Known {
    /// Forgets what somebody else may have changed unseen.
    pub fn look(&mut self) {
        (self.opened, self.ways) = (None, None);
    }
}

impl HostSide {
    /// The rules, which stand before any VPC's namespace is joined to the host and while it is being changed.
    pub async fn rules(&mut self, plan: &HostPlan) -> Result<(), Error> {
        if plan.mentioned.namespaces.is_empty() {
            return Ok(());
        }
        let namespace = current()?;
        let opened = if let Some(known) = self.known.opened.take() {
            known
        } else {
            let netlink = Netlink::open(&namespace).await?;
            self.open_forwarding(&netlink, &netlink.links().await?).await?
        };
        self.known.opened = Some(opened.clone());
        let outside = Outside {
            masquerade: self.config.masquerade.clone(),
            opened,
            host_ports: self.config.host_ports.clone(),
            tunnel_address: self.config.tunnel_address,
            host_address: self.config.host_address,
        };
        let wanted = Arc::new(plan.host_ruleset(&self.host_id, &outside));
        self.known.rules = nft::bring(&namespace, &wanted, self.known.rules.take()).await?;
        Ok(())
    }

    /// The host's ends of the pairs, its tunnel to public addresses elsewhere, and the routes over them.
    pub async fn ways(&mut self, plan: &HostPlan) -> Result<(), Error> {
        let namespace = current()?;
        let netlink = Netlink::open(&namespace).await?;
        let (uplinks, tunnel) = (names::uplink_prefix(&self.host_id), names::public_tunnel(&self.host_id));
        let mut links = netlink.links().await?;
        links.retain(|name, _| name.starts_with(&uplinks) || *name == tunnel);
        let known = self.known.ways.take().filter(|before| before.links == links);
        let wanted = Public::new(self.own, plan);
        let mut stale = None;
        if known.as_ref().is_none_or(|before| before.public != wanted) {
            let brought = public::bring(&self.host_id, wanted.as_ref(), self.config.mtu, &namespace, &netlink).await?;
            links.retain(|name, _| *name != tunnel);
            links.extend(brought.link().map(|link| (tunnel.clone(), link)));
            stale = Some(brought);
        }
        let mut routes = self.uplinks(plan, &netlink, &links, known.is_none()).await?;
        routes.extend(wanted.iter().zip(links.get(&tunnel)).flat_map(|(public, link)| public.routes(*link)));
        match known {
            // Those over a tunnel that is made anew, or gone, have gone with it.
            Some(before) if before.links == links => netlink.routes_since(&routes, &before.routes).await?,
            _ => netlink.routes(&routes, &links.values().copied().collect()).await?,
        }
        if let Some(tunnel) = stale {
            tunnel.forget(&netlink).await?;
        }
        self.known.ways = Some(Ways { links, routes, public: wanted });
        Ok(())
    }

    /// The routes over the pairs, which are configured where nothing is known of them.
    async fn uplinks(
        &self,
        plan: &HostPlan,
        netlink: &Netlink,
        links: &BTreeMap<String, u32>,
        configure: bool,
    ) -> Result<BTreeSet<Route>, Error> {
        let mut routes = BTreeSet::new();
        for plan in plan.vpcs.values() {
            // A VPC whose namespace could not be made has no pair; the others go on.
            let Some(index) = links.get(&plan.uplink).copied() else { continue };
            if configure {
                vpc::configure_uplink(&self.config, netlink, index).await?;
                uplink_settings(&plan.uplink).map_err(Error::io("set the sysctls of a pair"))?;
            }
            let (way, source) = (Way::Via(index, self.config.vpc_address), Some(self.config.host_address));
            routes.extend(plan.public().map(|(public, _)| Route { source, ..Route::main(public.into(), way) }));
        }
        Ok(routes)
    }

    /// The host's own firewall, as far as it stands in the way.
    pub async fn firewall(&self) -> Result<(), Error> {
        if self.config.open_host_firewall { firewall::open(&current()?, &self.host_id).await } else { Ok(()) }
    }

    /// Leaves nothing of this host id in the host's namespace.
    pub async fn remove(&mut self) -> Result<(), Error> {
        self.known = Known::default();
        let namespace = current()?;
        let netlink = Netlink::open(&namespace).await?;
        let ours = names::uplink_prefix(&self.host_id);
        for (name, index) in netlink.links().await? {
            if name.starts_with(&ours) || name == names::public_tunnel(&self.host_id) {
                netlink.delete_link(index).await?;
            }
        }
        let table = names::host_table(&self.host_id);
        nft::load(&namespace, &format!("table inet {table}\ndelete table inet {table}\n")).await?;
        firewall::close(&namespace, &self.host_id).await?;
        self.close_forwarding()
    }

    /// Guests are forwarded; the machine as a whole is not made a router. Answers the interfaces that only we opened.
    async fn open_forwarding(&self, netlink: &Netlink, links: &BTreeMap<String, u32>) -> Result<BTreeSet<String>, Error> {
        let failed = Error::io("switch forwarding on");
        if sysctl::get(&["ipv4", "ip_forward"]).map_err(&failed)? == "1" {
            // Whoever made the whole machine a router filters it, and it is not ours to undo.
            self.remember(&BTreeSet::new()).map_err(&failed)?;
            return Ok(BTreeSet::new());
        }
        let mut opened = self.remembered().map_err(&failed)?;
        let defaults = netlink.default_links().await?;
        for (name, _) in links.iter().filter(|(_, index)| defaults.contains(index)) {
            if sysctl::get(&forwarding(name)).is_ok_and(|value| value == "0") {
                opened.insert(name.clone());
                self.remember(&opened).map_err(&failed)?;
                sysctl::set(&forwarding(name), "1").map_err(&failed)?;
            }
        }
        Ok(opened)
    }

    fn close_forwarding(&self) -> Result<(), Error> {
        let failed = Error::io("switch forwarding off");
        for name in self.remembered().map_err(&failed)? {
            match sysctl::set(&forwarding(&name), "0") {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
                _ => {}
            }
        }
        self.remember(&BTreeSet::new()).map_err(&failed)
    }

    fn remembered(&self) -> io::Result<BTreeSet<String>> {
        match std::fs::read(self.opened()) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
            Err(error) => Err(error),
        }
    }

    fn remember(&self, opened: &BTreeSet<String>) -> io::Result<()> {
        if opened.is_empty() {
            return match std::fs::remove_file(self.opened()) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            };
        }
        let new = self.opened().with_extension("new");
        std::fs::write(&new, serde_json::to_vec(opened)?)?;
        std::fs::rename(new, self.opened())
    }

    fn opened(&self) -> PathBuf {
        self.state_directory.join(OPENED)
    }
}

fn current() -> Result<Namespace, Error> {
    Namespace::current().map_err(Error::io("find the host's namespace"))
}

fn forwarding(link: &str) -> [&str; 4] {
    ["ipv4", "conf", link, "forwarding"]
}

fn uplink_settings(link: &str) -> io::Result<()> {
    sysctl::set(&["ipv6", "conf", link, "disable_ipv6"], "1").or_else(vpc::unless_absent)?;
    sysctl::set(&["ipv4", "conf", link, "send_redirects"], "0")?;
    sysctl::set(&forwarding(link), "1")
}
