//! Follows `Desired`: plans, applies, reports. Level-triggered; woken by a change and by a timer. One failure stops nothing else: each VPC is
//! applied for itself, and tried again.
//!
//! A change costs what it changes: what earlier passes left is known, and only the difference is applied. The rules tell by themselves
//! whether somebody else changed them. The rest does not, so from time to time a pass looks at everything: what somebody took away comes back.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::namespace::Namespace;
use super::outside::HostSide;
use super::plan::{HostPlan, Mentioned, VpcPlan};
use super::services::{Services, View};
use super::vpc::Around;
use super::{Config, Error, dns, names, namespace, outside, sentence, tunnel, vpc};
use crate::desired::Desired;
use crate::imds;
use crate::ports::Tap;

/// Between two looks when nothing changed.
const PERIOD: Duration = Duration::from_mins(1);
/// How long a part of a pass may take: the kernel answers at once, or something is badly wrong.
const PART: Duration = Duration::from_mins(2);
const HOST: &str = "the host's side of the network";
/// Before another try at what failed.
const RETRY: Duration = Duration::from_secs(2);

/// What has been carried out.
#[derive(Clone, Debug, Default)]
pub struct Applied {
    /// Grows with every attempt.
    pub attempts: u64,
    pub taps: BTreeMap<String, Tap>,
    /// By interface of a NAT gateway that passes packets on: under which addresses.
    pub translating: BTreeMap<String, BTreeSet<Ipv4Addr>>,
    /// What the newest pass left on the host, if it did all it set out to do: nothing that is not mentioned here.
    pub complete: Option<Mentioned>,
    /// By interface, VPC or group; the empty subject is the host's own side.
    pub faults: BTreeMap<String, String>,
}

impl Applied {
    /// Why the interface is not there, as far as is known.
    pub fn why(&self, network_interface_id: &str) -> String {
        match self.faults.get(network_interface_id) {
            Some(reason) => reason.clone(),
            None if self.faults.is_empty() => "nobody asked for it".into(),
            None => self.faults.iter().map(|(subject, reason)| format!("{subject}: {reason}")).collect::<Vec<_>>().join("; "),
        }
    }
}

#[derive(Debug)]
pub enum Command {
    /// A pass that looks at everything.
    Look(oneshot::Sender<Result<(), Error>>),
    Stop(oneshot::Sender<Result<(), Error>>),
    Teardown(oneshot::Sender<Result<(), Error>>),
}

pub struct Reconciler {
    config: Config,
    state_directory: PathBuf,
    host_id: String,
    desired: watch::Receiver<Arc<Desired>>,
    applied: watch::Sender<Applied>,
    metadata: Arc<imds::Service>,
    /// By VPC.
    services: BTreeMap<String, Services>,
    /// What earlier passes left, by VPC and on the host.
    known: BTreeMap<String, vpc::Known>,
    known_outside: outside::Known,
    /// The next pass looks at everything.
    look: bool,
    /// Who waits for it.
    asked: Option<oneshot::Sender<Result<(), Error>>>,
    /// Where this host takes other hosts' packets; none: nowhere.
    tunnel: Option<tunnel::Own>,
}

/// What the NAT gateways among the interfaces that are as they should be have.
fn translating(plan: &HostPlan, taps: &BTreeMap<String, Tap>) -> BTreeMap<String, BTreeSet<Ipv4Addr>> {
    let gateways = plan.vpcs.values().flat_map(|vpc| vpc.interfaces.values()).filter(|interface| interface.translates);
    let there = gateways.filter(|interface| taps.contains_key(&interface.network_interface_id));
    there.map(|interface| (interface.network_interface_id.clone(), interface.addresses().collect())).collect()
}

impl Reconciler {
    pub fn new(
        config: Config,
        state_directory: PathBuf,
        host_id: String,
        desired: watch::Receiver<Arc<Desired>>,
        applied: watch::Sender<Applied>,
        metadata: Arc<imds::Service>,
    ) -> Self {
        Self {
            config,
            state_directory,
            host_id,
            desired,
            applied,
            metadata,
            services: BTreeMap::new(),
            known: BTreeMap::new(),
            known_outside: outside::Known::default(),
            look: true,
            asked: None,
            tunnel: None,
        }
    }

    pub async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut looked: Option<Instant> = None;
        loop {
            let whole = self.reconcile().await;
            // Whoever asked may have gone.
            self.asked.take().map(|asked| asked.send(Ok(())));
            // After a failure nobody knows what is there.
            let begun = if std::mem::replace(&mut self.look, !whole) { Instant::now() } else { looked.unwrap_or_else(Instant::now) };
            looked = Some(begun);
            let next = if whole { begun + PERIOD } else { Instant::now() + RETRY };
            tokio::select! {
                changed = self.desired.changed() => if changed.is_err() { return },
                command = commands.recv() => match command {
                    Some(Command::Look(done)) => (self.look, self.asked) = (true, Some(done)),
                    command => return self.end(command).await,
                },
                () = tokio::time::sleep_until(next) => self.look = true,
            }
        }
    }

    async fn end(mut self, command: Option<Command>) {
        match command {
            // Whoever asked may have gone; what was done is done.
            Some(Command::Stop(done)) => drop(done.send(Ok(()))),
            Some(Command::Teardown(done)) => {
                let removed = self.remove_all().await;
                drop(done.send(removed));
            }
            Some(Command::Look(_)) | None => {}
        }
    }

    /// One pass; whether everything is as it should be.
    async fn reconcile(&mut self) -> bool {
        let desired = Arc::clone(&self.desired.borrow_and_update());
        let plan = HostPlan::new(&self.host_id, &desired);
        let mut faults: BTreeMap<String, String> = plan.faults.iter().map(|fault| (fault.subject.clone(), fault.reason.clone())).collect();
        // A fault in what was asked for heals by another Desired only, so it calls for no retry.
        let unplanned = faults.len();
        if self.look {
            self.known.values_mut().for_each(vpc::Known::look);
            self.known_outside.look();
        }
        // Most of either is waiting for `nft` and the kernel.
        self.look_at_the_tunnel(&mut faults).await;
        let mut host = self.outside();
        let (taps, rules) = tokio::join!(self.apply_all(&plan, &mut faults), bounded(HOST, host.rules(&plan)));
        let rest = bounded(HOST, self.host_side(&plan, &mut host)).await;
        self.known_outside = host.known;
        if let Err(error) = rules.and(rest) {
            faults.insert(String::new(), sentence(&error));
        }
        let whole = faults.len() == unplanned;
        tracing::debug!(interfaces = taps.len(), whole, "the network was applied");
        let translating = translating(&plan, &taps);
        let complete = whole.then_some(plan.mentioned);
        self.report(|applied| Applied { attempts: applied.attempts + 1, taps, translating, complete, faults });
        whole
    }

    /// What is not known now is as it was last: guests' packets do not wait for it.
    async fn look_at_the_tunnel(&mut self, faults: &mut BTreeMap<String, String>) {
        let Some(address) = self.config.tunnel_address else { return };
        match tunnel::Own::find(address).await {
            Ok(own) => self.tunnel = Some(own),
            Err(error) => {
                self.tunnel = self.tunnel.or(Some(tunnel::Own::least(address)));
                faults.insert("the tunnel to other hosts".into(), sentence(&error));
            }
        }
    }

    /// Each VPC for itself; the taps of those that are as they should be.
    async fn apply_all(&mut self, plan: &HostPlan, faults: &mut BTreeMap<String, String>) -> BTreeMap<String, Tap> {
        let mut taps = BTreeMap::new();
        let resolvers = self.resolvers();
        self.services.retain(|vpc_id, _| plan.vpcs.contains_key(vpc_id));
        self.known.retain(|vpc_id, _| plan.vpcs.contains_key(vpc_id));
        let namespaces = self.filter_all(plan, faults).await;
        for vpc in plan.vpcs.values() {
            let Some(namespace) = namespaces.get(&vpc.vpc_id) else { continue };
            let around = Around { mentioned: &plan.mentioned, own: self.tunnel, namespaces: &namespaces };
            match bounded("a VPC's network", self.apply(vpc, namespace, around, &resolvers)).await {
                Ok(()) => taps.extend(self.taps(vpc)),
                Err(error) => drop(faults.insert(vpc.vpc_id.clone(), sentence(&error))),
            }
        }
        taps
    }

    /// The namespaces in which all rules stand.
    async fn filter_all(&mut self, plan: &HostPlan, faults: &mut BTreeMap<String, String>) -> BTreeMap<String, Namespace> {
        let mut namespaces = BTreeMap::new();
        for vpc in plan.vpcs.values() {
            let known = self.known.entry(vpc.vpc_id.clone()).or_default();
            match bounded("a VPC's rules", vpc::filter(&self.config, vpc, known)).await {
                Ok(namespace) => drop(namespaces.insert(vpc.vpc_id.clone(), namespace)),
                Err(error) => drop(faults.insert(vpc.vpc_id.clone(), sentence(&error))),
            }
        }
        namespaces
    }

    /// The namespace first, then what answers in it.
    async fn apply(
        &mut self,
        vpc: &Arc<VpcPlan>,
        namespace: &Namespace,
        around: Around<'_>,
        resolvers: &[SocketAddr],
    ) -> Result<(), Error> {
        let known = self.known.entry(vpc.vpc_id.clone()).or_default();
        let vpc::Applied { taps } = vpc::apply(&self.config, vpc, namespace, around, known).await?;
        // Nobody asks where no guest is.
        if vpc.is_passed_only() {
            if let Some(old) = self.services.remove(&vpc.vpc_id) {
                old.end().await;
            }
            return Ok(());
        }
        let view = View {
            plan: Arc::clone(vpc),
            taps,
            resolvers: resolvers.to_vec(),
            mtu: vpc::mtu(&self.config, self.tunnel),
            lease_seconds: self.config.dhcp_lease_seconds,
        };
        let view = match self.services.get_mut(&vpc.vpc_id) {
            Some(running) => match running.take(namespace, view) {
                Ok(()) => return Ok(()),
                Err(view) => view,
            },
            None => view,
        };
        // The old ones hold the addresses, so they go first.
        if let Some(old) = self.services.remove(&vpc.vpc_id) {
            old.end().await;
        }
        let services = Services::start(namespace, view, &self.metadata).await?;
        self.services.insert(vpc.vpc_id.clone(), services);
        Ok(())
    }

    /// The configured ones, else the host's own as they are now.
    fn resolvers(&self) -> Vec<SocketAddr> {
        if !self.config.resolvers.is_empty() {
            return self.config.resolvers.clone();
        }
        std::fs::read_to_string("/etc/resolv.conf").map(|text| dns::resolvers(&text)).unwrap_or_default()
    }

    /// What must wait for the VPCs' own sides, or goes with the last of them.
    async fn host_side(&self, plan: &HostPlan, host: &mut HostSide) -> Result<(), Error> {
        self.remove_stale(plan).await?;
        if plan.mentioned.namespaces.is_empty() {
            return host.remove().await;
        }
        host.ways(plan).await?;
        // Not with every guest: it asks for two or more processes, and changes when an operator changes it.
        if self.look { host.firewall().await } else { Ok(()) }
    }

    /// Namespaces of VPCs that nothing on this host is in any more.
    async fn remove_stale(&self, plan: &HostPlan) -> Result<(), Error> {
        let directory = self.config.namespace_directory.clone();
        let there = namespace::list(&directory, &names::namespace_prefix(&self.host_id)).map_err(Error::io("list namespaces"))?;
        for name in there.into_iter().filter(|name| !plan.mentioned.namespaces.contains(name)) {
            vpc::remove(&self.config, &name).await?;
        }
        Ok(())
    }

    async fn remove_all(&mut self) -> Result<(), Error> {
        self.services.clear();
        self.known.clear();
        let mut host = self.outside();
        self.host_side(&HostPlan::default(), &mut host).await
    }

    fn outside(&mut self) -> HostSide {
        let known = std::mem::take(&mut self.known_outside);
        let (config, host_id, state_directory) = (self.config.clone(), self.host_id.clone(), self.state_directory.clone());
        HostSide { config, host_id, state_directory, known, own: self.tunnel }
    }

    fn taps(&self, vpc: &VpcPlan) -> impl Iterator<Item = (String, Tap)> {
        let namespace = self.config.namespace_directory.join(&vpc.namespace);
        vpc.interfaces.values().map(move |interface| {
            (interface.network_interface_id.clone(), Tap { namespace: namespace.clone(), name: interface.tap.clone() })
        })
    }

    fn report(&self, next: impl FnOnce(&Applied) -> Applied) {
        self.applied.send_modify(|applied| {
            let next = next(applied);
            for (subject, reason) in &next.faults {
                if applied.faults.get(subject) != Some(reason) {
                    tracing::warn!(subject, reason, "a part of the network can not be applied");
                }
            }
            *applied = next;
        });
    }
}

async fn bounded<T>(what: &'static str, part: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::time::timeout(PART, part).await.unwrap_or(Err(Error::Timeout(what)))
}
