//! The operator: drains hosts, takes them back, forgets them, and gives up those that have burned down.

use freehold_link::unix::in_process;
use freehold_proto::internal::operator::operator_client::OperatorClient;
use freehold_proto::internal::operator::{DrainHostRequest, RemoveHostRequest};

use crate::cloud::Cloud;
use crate::host::Host;
use crate::run::Broken;

const EMPTY: &str = "a host that is forgotten held nothing";
const FENCED: &str = "a lost host is not let in";

impl Cloud<'_> {
    fn operator(&self) -> Option<OperatorClient<freehold_link::Service>> {
        self.scheduler.as_ref().map(|scheduler| OperatorClient::new(in_process(scheduler.operator_routes())))
    }

    /// A host takes nothing new, or does again. One that was never there is not known.
    pub async fn drain(&mut self, at: usize, undrain: bool) {
        let (Some(mut operator), Some(host)) = (self.operator(), self.hosts[at].id()) else { return };
        let drained = operator.drain_host(DrainHostRequest { host, undrain }).await.is_ok();
        self.trace.say(|| format!("the operator drains host {at}, or takes it back ({undrain}): {drained}"));
    }

    /// The agent is stopped and the scheduler has noticed.
    async fn silence(&mut self, at: usize) {
        self.hosts[at].kill();
        for session in 0..self.hosts[at].sessions.len() {
            self.notice(at, session).await;
        }
        self.hosts[at].sessions.clear();
    }

    /// Every host goes on for a while, and is then to be forgotten, whatever it has still to bury.
    pub async fn wind_up(&mut self) -> Result<(), Broken> {
        for at in 0..self.hosts.len() {
            for _ in 0..self.dice.below(24) {
                let Some(last) = self.hosts[at].sessions.len().checked_sub(1) else { break };
                self.speak(at, last).await?;
                self.deliver(at, 4).await?;
                self.work(at).await?;
                self.say(at);
                self.hear(at, last).await?;
            }
            self.silence(at).await;
            self.forget(at).await?;
        }
        Ok(())
    }

    /// A host is to be forgotten. That is refused while it is there or holds anything; where it is done nothing is left on it.
    pub async fn forget(&mut self, at: usize) -> Result<(), Broken> {
        // As the refusal tells who did not.
        if self.dice.one_in(2) {
            self.silence(at).await;
        }
        let (Some(mut operator), Some(host)) = (self.operator(), self.hosts[at].id()) else { return Ok(()) };
        let removed = operator.remove_host(RemoveHostRequest { host, lost: false, dry_run: false }).await;
        // A status as a whole has headers, in no order.
        self.trace
            .say(|| format!("the operator has host {at} forgotten: {:?}", removed.as_ref().map(drop).map_err(tonic::Status::message)));
        if removed.is_err() {
            return Ok(());
        }
        let host = &self.hosts[at];
        if let Some(id) = host.guests().into_keys().next() {
            return Err(Broken::new(EMPTY, format!("host {at} has a guest {id}")));
        }
        for folder in ["plan/instances", "plan/vpcs", "plan/security-groups"] {
            if let Some(id) = host.remains(folder).into_iter().next() {
                return Err(Broken::new(EMPTY, format!("host {at} keeps {folder}/{id}")));
            }
        }
        Ok(())
    }

    /// A machine burns down and the operator gives it up. Should its agent knock once more it is not let in; another machine takes its
    /// place.
    pub async fn lose(&mut self, at: usize) -> Result<(), Broken> {
        for session in 0..self.hosts[at].sessions.len() {
            self.hosts[at].sessions[session].hang_up();
            self.notice(at, session).await;
        }
        self.hosts[at].sessions.clear();
        let (Some(mut operator), Some(host)) = (self.operator(), self.hosts[at].id()) else { return Ok(()) };
        let Ok(removed) = operator.remove_host(RemoveHostRequest { host, lost: true, dry_run: false }).await else { return Ok(()) };
        let ended = removed.into_inner().terminated_instances;
        self.trace.say(|| format!("host {at} has burned down, and with it {ended:?}"));
        for id in ended {
            self.journal.excuse(&id).failed = true;
        }
        if let (Some(agent), Some(scheduler)) = (&self.hosts[at].agent, &self.scheduler) {
            let (down, _spoken) = tokio::sync::mpsc::channel(crate::network::ROOM);
            if scheduler.hosts_service().admit(agent.hello(), None, down).await.is_ok() {
                return Err(Broken::new(FENCED, format!("host {at} was let in")));
            }
        }
        self.hosts[at] = Host::new(at);
        self.watch.forget(at);
        Ok(())
    }
}
