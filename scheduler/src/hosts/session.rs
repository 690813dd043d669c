//! One attending host. Two halves that never wait for each other, so that a slow agent can not wedge both: `speak` states what is
//! desired, `listen` applies what is observed.
//!
//! [`Attendance`] is the session without its transport: each step of it can be taken by itself. The stream of production ([`Attendance::run`])
//! and the simulation take the same steps.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use freehold_proto::Fault;
use freehold_proto::internal::host::{
    Buried, DesiredComplete, FromAgent, GuestState, InstanceObserved, InterfaceElsewhere, PublicAddressElsewhere, ResourceKind, ToAgent,
    from_agent, to_agent,
};
use tokio::sync::{broadcast, mpsc};
use tonic::{Status, Streaming};

use super::elsewhere::Said;
use super::grants::Grants;
use super::{Hosts, Seat, bury, console, desired, gateways, observed, presence, relay};
use crate::lifecycle::step::State;
use crate::network::nat::address::status::COMING;
use crate::network::nat::state::PENDING;
use crate::network::peering::with_peers_in;
use crate::network::pool;
use crate::store::{Change, Kind, Outcome, Select, Store};

/// How often an order to bury is repeated.
const REMINDER: Duration = Duration::from_secs(15);

/// Changes that are looked at together, each row once.
const BATCH: usize = 1024;

/// A host that was admitted, step by step.
pub struct Attendance {
    pub(super) session: Session,
    /// Followed since before the host's row said that it is here.
    pub(super) changes: broadcast::Receiver<Change>,
    pub(super) questions: mpsc::Receiver<console::Question>,
    pub(super) quarantine: Quarantine,
}

impl Attendance {
    /// Takes the steps as the stream has them, until it ends.
    pub async fn run(self, up: Streaming<FromAgent>) {
        let Self { session, changes, questions, quarantine } = self;
        let end = tokio::select! {
            end = session.listen(up, quarantine) => end,
            end = session.speak(changes, questions) => end,
        };
        if let Err(End::Failed(fault)) = end {
            tracing::error!(host = %session.host_id, %fault, source = ?fault.source, "a host's session failed; the agent dials again");
            let _ = session.down.try_send(Err(fault.into()));
        }
        session.leave().await;
    }

    /// The first thing a host is told.
    pub async fn state_everything(&self) -> Result<(), End> {
        self.session.state_everything().await
    }

    /// What was committed since this was asked last; nothing is not an error.
    pub async fn state_changes(&mut self) -> Result<(), End> {
        // Followers are told once the World has it.
        self.session.store.world().caught_up().await.map_err(End::Failed)?;
        match self.changes.try_recv() {
            Ok(first) => self.session.follow(Ok(first), &mut self.changes).await,
            Err(broadcast::error::TryRecvError::Empty) => Ok(()),
            Err(broadcast::error::TryRecvError::Lagged(_)) => self.session.state_everything().await,
            Err(broadcast::error::TryRecvError::Closed) => Err(End::Closed),
        }
    }

    /// The reminder of what is to be buried.
    pub async fn state_tombstones(&self) -> Result<(), End> {
        self.session.state_tombstones().await
    }

    /// One message of the agent's.
    pub async fn hear(&mut self, message: FromAgent) -> Result<(), End> {
        self.session.hear(message, &mut self.quarantine).await
    }

    /// Whether a newer session of the host has taken this one's place, so that it is to end.
    pub fn is_superseded(&self) -> bool {
        self.questions.is_closed()
    }

    /// The stream is gone.
    pub async fn leave(self) {
        self.session.leave().await;
    }
}

pub struct Session {
    pub host_id: String,
    pub seat: Seat,
    pub store: Arc<Store>,
    pub hosts: Arc<Hosts>,
    /// `None`: the host needs none.
    pub grants: Option<Grants>,
    pub said: Said,
    pub down: mpsc::Sender<Result<ToAgent, Status>>,
}

/// The session is over. Not an error: the agent dials again.
#[derive(Debug)]
pub enum End {
    /// The stream closed, or a newer session of the host took its place.
    Closed,
    Failed(Fault),
}

impl From<crate::store::Failure> for End {
    fn from(failure: crate::store::Failure) -> Self {
        Self::Failed(failure.into())
    }
}

impl From<sea_orm::DbErr> for End {
    fn from(error: sea_orm::DbErr) -> Self {
        Self::Failed(crate::store::Failure::from(error).into())
    }
}

impl Session {
    async fn leave(&self) {
        if self.seat.give_up() {
            match presence::leave(&self.store, &self.hosts, &self.host_id).await {
                Ok(true) => tracing::warn!(host = %self.host_id, "a host has gone; its instances are shown impaired until it is back"),
                Ok(false) => tracing::info!(host = %self.host_id, "a host attends elsewhere now"),
                Err(error) => tracing::error!(host = %self.host_id, %error, "a host's going could not be written down"),
            }
        }
    }

    async fn say(&self, kind: to_agent::Kind) -> Result<(), End> {
        let traceparent = self.hosts.causes().of(&kind);
        self.down.send(Ok(ToAgent { kind: Some(kind), traceparent })).await.map_err(|_| End::Closed)
    }

    async fn speak(&self, mut changes: broadcast::Receiver<Change>, mut questions: mpsc::Receiver<console::Question>) -> Result<(), End> {
        self.state_everything().await?;
        let mut reminder = tokio::time::interval(REMINDER);
        reminder.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        reminder.reset();
        loop {
            tokio::select! {
                change = changes.recv() => self.follow(change, &mut changes).await?,
                question = questions.recv() => match question {
                    Some(question) => self.say(to_agent::Kind::ConsoleRequest(question)).await?,
                    None => return Err(End::Closed),
                },
                _ = reminder.tick() => self.remind().await?,
                () = self.down.closed() => return Err(End::Closed),
            }
        }
    }

    async fn remind(&self) -> Result<(), End> {
        for grant in self.grants.iter().flat_map(|grants| grants.refreshed(self.store.clock().now())) {
            self.say(to_agent::Kind::ImageGrant(grant)).await?;
        }
        let pending = self.pending_gateways();
        if !pending.is_empty() {
            self.state_gateways(&Select::Ids(pending)).await?;
        }
        self.state_tombstones().await
    }

    /// Whoever fell behind states everything again.
    async fn follow(
        &self,
        first: Result<Change, broadcast::error::RecvError>,
        changes: &mut broadcast::Receiver<Change>,
    ) -> Result<(), End> {
        let mut batch = BTreeSet::new();
        let mut next = first.map_err(|error| match error {
            broadcast::error::RecvError::Lagged(_) => broadcast::error::TryRecvError::Lagged(0),
            broadcast::error::RecvError::Closed => broadcast::error::TryRecvError::Closed,
        });
        loop {
            match next {
                Ok(change) => _ = batch.insert((change.kind, change.id)),
                Err(broadcast::error::TryRecvError::Empty) => break,
                Err(broadcast::error::TryRecvError::Lagged(_)) => return self.state_everything().await,
                Err(broadcast::error::TryRecvError::Closed) => return Err(End::Closed),
            }
            if batch.len() >= BATCH {
                break;
            }
            next = changes.try_recv();
        }
        self.state_changed(batch).await
    }

    /// Over, if the host attends another scheduler by now, was removed meanwhile, or this scheduler was taken for gone.
    fn is_the_newest(&self) -> Result<(), End> {
        let rows = self.store.world().rows();
        let attended_by = rows.hosts.one(&self.host_id).and_then(|row| row.attended_by.as_deref());
        if attended_by == Some(self.hosts.scheduler_id()) { Ok(()) } else { Err(End::Closed) }
    }

    /// Networks before the guests that use them, then what is to be buried, then the marker.
    async fn state_everything(&self) -> Result<(), End> {
        // Which networks the host uses is looked up there.
        self.store.world().caught_up().await.map_err(End::Failed)?;
        self.is_the_newest()?;
        for vpc_id in self.vpcs_here() {
            self.state_vpc(&vpc_id).await?;
        }
        let public = self.said.public(&self.store.world().rows());
        self.state_public(public).await?;
        self.state_instances(&Select::All).await?;
        self.state_gateways(&Select::All).await?;
        self.state_translated().await?;
        self.state_tombstones().await?;
        self.say(to_agent::Kind::DesiredComplete(DesiredComplete {})).await?;
        self.relay().await
    }

    /// Asks the host what other schedulers want to know of it.
    async fn relay(&self) -> Result<(), End> {
        for question in relay::open(&self.store, &self.host_id).await? {
            let Some(answer) = self.hosts.expect_relayed(&question) else { continue };
            self.say(to_agent::Kind::ConsoleRequest(question)).await?;
            let (store, host_id) = (Arc::clone(&self.store), self.host_id.clone());
            tokio::spawn(async move {
                let Some(output) = answer.await else { return };
                if let Err(failure) = relay::answer(&store, &host_id, &output).await {
                    tracing::warn!(%failure, "a host's console output could not be passed on to the scheduler that wants it");
                }
            });
        }
        Ok(())
    }

    async fn state_changed(&self, batch: BTreeSet<(Kind, String)>) -> Result<(), End> {
        let of = |wanted: Kind| batch.iter().filter(move |(kind, _)| *kind == wanted).map(|(_, id)| id.clone());
        if of(Kind::Host).any(|host_id| host_id == self.host_id) {
            self.is_the_newest()?;
        }
        let networks = batch.iter().any(|(kind, _)| matches!(kind, Kind::Vpc | Kind::SecurityGroup));
        let here = if networks { self.vpcs_here() } else { BTreeSet::new() };
        let instances: Vec<String> = of(Kind::Instance).filter(|id| self.is_here(id)).collect();
        let gateways: Vec<String> = of(Kind::NatGateway).filter(|id| self.has_gateway(id)).collect();
        let entered = self.entered(&instances, &gateways);
        let changed: BTreeSet<String> = of(Kind::Vpc).filter(|id| here.contains(id)).chain(entered).collect();
        for vpc_id in changed {
            self.state_vpc(&vpc_id).await?;
        }
        for group_id in of(Kind::SecurityGroup).filter(|id| self.is_in(id, &here)) {
            self.state_group(&group_id, &here).await?;
        }
        let elsewhere = self.said.of_changes(&self.store.world().rows(), &batch);
        self.state_elsewhere(elsewhere).await?;
        let public = self.said.public_of_changes(&self.store.world().rows(), &batch);
        self.state_public(public).await?;
        if !instances.is_empty() {
            self.state_instances(&Select::Ids(instances)).await?;
        }
        if !gateways.is_empty() {
            self.state_gateways(&Select::Ids(gateways)).await?;
        }
        if of(Kind::AddressPool).next().is_some() {
            self.state_translated().await?;
        }
        if of(Kind::Tombstone).any(|host_id| host_id == self.host_id) {
            self.state_tombstones().await?;
        }
        if of(Kind::ConsoleQuestion).any(|host_id| host_id == self.host_id) {
            self.relay().await?;
        }
        Ok(())
    }

    // Every session hears of every change: what does not concern its host must cost no trip to the database.

    /// The VPCs in which the host has instances or NAT gateways, and those that these are peered with.
    fn vpcs_here(&self) -> BTreeSet<String> {
        let rows = self.store.world().rows();
        let here = rows.instances.of(&self.host_id, None).filter_map(|id| rows.instances.one(id));
        let instances = here.filter(|row| row.state != State::Terminated.as_str()).map(|row| row.vpc_id.clone());
        let gateways = rows.nat_gateways.of(&self.host_id, None).filter_map(|id| rows.nat_gateways.one(id));
        with_peers_in(&rows, instances.chain(gateways.map(|row| row.vpc_id.clone())).collect())
    }

    fn is_here(&self, instance_id: &str) -> bool {
        let rows = self.store.world().rows();
        rows.instances.one(instance_id).is_some_and(|row| row.host_id.as_ref() == Some(&self.host_id))
    }

    fn has_gateway(&self, id: &str) -> bool {
        let rows = self.store.world().rows();
        rows.nat_gateways.one(id).is_some_and(|row| row.host_id.as_ref() == Some(&self.host_id))
    }

    /// The VPCs that the host comes to have with these instances and gateways of its own.
    fn entered(&self, instances: &[String], gateways: &[String]) -> BTreeSet<String> {
        let rows = self.store.world().rows();
        let of_instances = instances.iter().filter_map(|id| rows.instances.one(id)).map(|row| &row.vpc_id);
        let of_gateways = gateways.iter().filter_map(|id| rows.nat_gateways.one(id)).map(|row| &row.vpc_id);
        let entered = with_peers_in(&rows, of_instances.chain(of_gateways).cloned().collect());
        entered.into_iter().filter(|vpc_id| !self.said.knows(vpc_id)).collect()
    }

    fn is_in(&self, group_id: &str, vpcs: &BTreeSet<String>) -> bool {
        let rows = self.store.world().rows();
        rows.security_groups.one(group_id).is_some_and(|row| vpcs.contains(&row.vpc_id))
    }

    /// A VPC with all its groups, if the host uses it; and who else is in it, as far as that was not said.
    async fn state_vpc(&self, vpc_id: &str) -> Result<(), End> {
        let Some(vpc) = desired::vpc(self.store.reader(), self.store.settings(), vpc_id).await? else { return Ok(()) };
        if !self.uses(vpc_id).await? {
            return Ok(());
        }
        self.say(to_agent::Kind::Vpc(vpc)).await?;
        let here = BTreeSet::from([vpc_id.to_owned()]);
        for group_id in desired::group_ids(self.store.reader(), vpc_id).await? {
            self.state_group(&group_id, &here).await?;
        }
        let elsewhere = self.said.of_vpc(&self.store.world().rows(), vpc_id);
        self.state_elsewhere(elsewhere).await
    }

    async fn state_elsewhere(&self, interfaces: Vec<InterfaceElsewhere>) -> Result<(), End> {
        for interface in interfaces {
            self.say(to_agent::Kind::InterfaceElsewhere(interface)).await?;
        }
        Ok(())
    }

    /// The pools of which nobody beyond the hosts knows the addresses.
    async fn state_translated(&self) -> Result<(), End> {
        for block in self.said.translated(pool::translated(self.store.reader()).await?) {
            self.say(to_agent::Kind::TranslatedBlock(block)).await?;
        }
        Ok(())
    }

    async fn state_public(&self, addresses: Vec<PublicAddressElsewhere>) -> Result<(), End> {
        for address in addresses {
            self.say(to_agent::Kind::PublicAddressElsewhere(address)).await?;
        }
        Ok(())
    }

    async fn state_group(&self, group_id: &str, here: &BTreeSet<String>) -> Result<(), End> {
        match desired::security_group(self.store.reader(), group_id).await? {
            Some(group) if here.contains(&group.vpc_id) && self.uses(&group.vpc_id).await? => {
                self.say(to_agent::Kind::SecurityGroup(group)).await
            }
            _ => Ok(()),
        }
    }

    /// Asked again once what is to be stated has been read: a host that has left a VPC meanwhile must not be told of a generation that came
    /// after the order to bury it, which it would refuse from then on.
    async fn uses(&self, vpc_id: &str) -> Result<bool, End> {
        Ok(desired::uses(self.store.reader(), &self.host_id, vpc_id).await?)
    }

    async fn state_instances(&self, among: &Select) -> Result<(), End> {
        let desired = desired::instances(self.store.reader(), self.store.settings(), &self.host_id, among).await?;
        for grant in self.grants.iter().flat_map(|grants| grants.needed(&desired, self.store.clock().now())) {
            self.say(to_agent::Kind::ImageGrant(grant)).await?;
        }
        for instance in desired {
            self.say(to_agent::Kind::Instance(instance)).await?;
        }
        Ok(())
    }

    async fn state_gateways(&self, among: &Select) -> Result<(), End> {
        for gateway in gateways::desired(self.store.reader(), &self.host_id, among).await? {
            self.say(to_agent::Kind::NatGateway(gateway)).await?;
        }
        Ok(())
    }

    /// Those that are not up yet, or not under all of their addresses: their host tries again.
    fn pending_gateways(&self) -> Vec<String> {
        let rows = self.store.world().rows();
        let here = rows.nat_gateways.of(&self.host_id, None).filter_map(|id| rows.nat_gateways.one(id));
        let coming = |id: &str| rows.nat_gateway_addresses.get(id).iter().any(|address| COMING.contains(&address.status.as_str()));
        here.filter(|row| row.state == PENDING || coming(&row.nat_gateway_id)).map(|row| row.nat_gateway_id.clone()).collect()
    }

    async fn state_tombstones(&self) -> Result<(), End> {
        for tombstone in bury::standing(self.store.reader(), &self.host_id).await? {
            if let Some(grants) = &self.grants {
                grants.forget(&tombstone.id);
            }
            if tombstone.kind() == ResourceKind::Vpc {
                self.said.forget(&tombstone.id);
            }
            self.say(to_agent::Kind::Tombstone(tombstone)).await?;
        }
        Ok(())
    }

    async fn listen(&self, mut up: Streaming<FromAgent>, mut quarantine: Quarantine) -> Result<(), End> {
        while let Ok(Some(message)) = up.message().await {
            self.hear(message, &mut quarantine).await?;
        }
        Err(End::Closed)
    }

    async fn hear(&self, message: FromAgent, quarantine: &mut Quarantine) -> Result<(), End> {
        match message.kind {
            Some(from_agent::Kind::Instance(report)) => {
                quarantine.note(&report);
                Box::pin(observed::apply(&self.store, &self.seat, &report)).await?;
            }
            Some(from_agent::Kind::ObservedComplete(_)) => quarantine.complete = true,
            Some(from_agent::Kind::Buried(buried)) => {
                quarantine.forget(&buried);
                bury::apply(&self.store, &self.seat, &buried).await?;
            }
            Some(from_agent::Kind::NatGateway(report)) => gateways::apply(&self.store, &self.seat, &report).await?,
            Some(from_agent::Kind::ConsoleOutput(output)) => self.hosts.answered(output),
            // A second Hello, or something that a newer agent says.
            Some(from_agent::Kind::Hello(_)) | None => {}
        }
        Ok(quarantine.write_down(&self.store, &self.seat).await?)
    }
}

/// What the host keeps and nobody knows. Written down when the host has stated everything, and then on change.
#[derive(Default)]
pub(super) struct Quarantine {
    ids: BTreeSet<String>,
    written: Option<BTreeSet<String>>,
    complete: bool,
}

impl Quarantine {
    fn note(&mut self, report: &InstanceObserved) {
        if report.state() == GuestState::Quarantined {
            self.ids.insert(report.instance_id.clone());
        } else {
            self.ids.remove(&report.instance_id);
        }
    }

    /// Nothing is left of it. Ids are never used twice, so whatever kind it was, nothing else is meant.
    fn forget(&mut self, buried: &Buried) {
        self.ids.remove(&buried.id);
    }

    async fn write_down(&mut self, store: &Store, seat: &Seat) -> Outcome<()> {
        if !self.complete || self.written.as_ref() == Some(&self.ids) {
            return Ok(());
        }
        presence::quarantined(store, seat, &self.ids).await?;
        self.written = Some(self.ids.clone());
        Ok(())
    }
}
