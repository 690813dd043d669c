//! Follows `Desired`: plans, applies, reports. Level-triggered; woken by a change and by a timer, so that what somebody else took away
//! comes back. One failure stops nothing else: each VPC is applied for itself, and tried again.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::outside::HostSide;
use super::plan::{HostPlan, Mentioned, VpcPlan};
use super::services::{Services, View};
use super::{Config, Error, dns, names, namespace, sentence, vpc};
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
    /// When the host's own firewall was last looked at.
    firewall_seen: Option<Instant>,
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
        Self { config, state_directory, host_id, desired, applied, metadata, services: BTreeMap::new(), firewall_seen: None }
    }

    pub async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        loop {
            let whole = self.reconcile().await;
            let next = Instant::now() + if whole { PERIOD } else { RETRY };
            tokio::select! {
                changed = self.desired.changed() => if changed.is_err() { return },
                command = commands.recv() => return self.end(command).await,
                () = tokio::time::sleep_until(next) => {}
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
            None => {}
        }
    }

    /// One pass; whether everything is as it should be.
    async fn reconcile(&mut self) -> bool {
        let desired = Arc::clone(&self.desired.borrow_and_update());
        let plan = HostPlan::new(&self.host_id, &desired);
        let mut faults: BTreeMap<String, String> = plan.faults.iter().map(|fault| (fault.subject.clone(), fault.reason.clone())).collect();
        // A fault in what was asked for heals by another Desired only, so it calls for no retry.
        let unplanned = faults.len();
        // Most of either is waiting for `nft` and the kernel.
        let host = self.outside();
        let (taps, rules) = tokio::join!(self.apply_all(&plan, &mut faults), bounded(HOST, host.rules(&plan)));
        let rest = bounded(HOST, self.host_side(&plan, &host)).await;
        if let Err(error) = rules.and(rest) {
            faults.insert(String::new(), sentence(&error));
        }
        let whole = faults.len() == unplanned;
        tracing::debug!(interfaces = taps.len(), whole, "the network was applied");
        let complete = whole.then_some(plan.mentioned);
        self.report(|applied| Applied { attempts: applied.attempts + 1, taps, complete, faults });
        whole
    }

    /// Each VPC for itself; the taps of those that are as they should be.
    async fn apply_all(&mut self, plan: &HostPlan, faults: &mut BTreeMap<String, String>) -> BTreeMap<String, Tap> {
        let mut taps = BTreeMap::new();
        let resolvers = self.resolvers();
        self.services.retain(|vpc_id, _| plan.vpcs.contains_key(vpc_id));
        for vpc in plan.vpcs.values() {
            match bounded("a VPC's network", self.apply(vpc, plan, &resolvers)).await {
                Ok(()) => taps.extend(self.taps(vpc)),
                Err(error) => drop(faults.insert(vpc.vpc_id.clone(), sentence(&error))),
            }
        }
        taps
    }

    /// The namespace first, then what answers in it.
    async fn apply(&mut self, vpc: &Arc<VpcPlan>, plan: &HostPlan, resolvers: &[SocketAddr]) -> Result<(), Error> {
        let vpc::Applied { namespace, taps } = vpc::apply(&self.config, vpc, &plan.mentioned).await?;
        let view = View {
            plan: Arc::clone(vpc),
            taps,
            resolvers: resolvers.to_vec(),
            mtu: self.config.mtu,
            lease_seconds: self.config.dhcp_lease_seconds,
        };
        let view = match self.services.get_mut(&vpc.vpc_id) {
            Some(running) => match running.take(&namespace, view) {
                Ok(()) => return Ok(()),
                Err(view) => view,
            },
            None => view,
        };
        // The old ones hold the addresses, so they go first.
        if let Some(old) = self.services.remove(&vpc.vpc_id) {
            old.end().await;
        }
        let services = Services::start(&namespace, view, &self.metadata).await?;
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
    async fn host_side(&mut self, plan: &HostPlan, host: &HostSide) -> Result<(), Error> {
        self.remove_stale(plan).await?;
        if plan.mentioned.namespaces.is_empty() {
            self.firewall_seen = None;
            return host.remove().await;
        }
        host.ways(plan).await?;
        // Not with every guest: it asks for two or more processes, and changes when an operator changes it.
        if self.firewall_seen.is_none_or(|seen| seen.elapsed() >= PERIOD) {
            host.firewall().await?;
            self.firewall_seen = Some(Instant::now());
        }
        Ok(())
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
        let host = self.outside();
        self.host_side(&HostPlan::default(), &host).await
    }

    fn outside(&self) -> HostSide {
        HostSide { config: self.config.clone(), host_id: self.host_id.clone(), state_directory: self.state_directory.clone() }
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

async fn bounded(what: &'static str, part: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    tokio::time::timeout(PART, part).await.unwrap_or(Err(Error::Timeout(what)))
}
