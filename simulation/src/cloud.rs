//! One cloud: the parts, what is between them, and what their clients know. Each method is one step of one of them, to its end.

use std::sync::Arc;

use axum::Router;
use freehold_api_gateway::{Backend, Gateway};
use freehold_link::unix::in_process;
use freehold_proto::clock::{Clock, ManualClock};
use freehold_proto::internal::host::{ToAgent, Welcome, to_agent};
use freehold_scheduler::Scheduler;
use freehold_scheduler::hosts::End;
use rusqlite::Connection;
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::bug::Planted;
use crate::checks::Watch;
use crate::dice::{Dice, Seeded};
use crate::host::Host;
use crate::journal::Journal;
use crate::network::{ROOM, Session};
use crate::run::{Broken, Options, Trace};
use crate::template::{self, Error, Template};

pub struct Cloud<'a> {
    pub template: &'a Template,
    pub folder: TempDir,
    /// The checks' own connection, not one of the product's.
    pub database: Connection,
    pub clock: ManualClock,
    entropy: Seeded,
    pub dice: Dice,
    /// None while its process is down.
    pub scheduler: Option<Arc<Scheduler>>,
    /// Where clients ask by it.
    pub gateway: Option<Router>,
    by_gateway: bool,
    pub hosts: Vec<Host>,
    /// The default security group of each account.
    pub groups: Vec<String>,
    pub journal: Journal,
    pub watch: Watch,
    pub trace: Trace,
    pub planted: Planted,
    /// What schedulers of this cloud have said of themselves, oldest first.
    pub welcomes: Vec<Welcome>,
}

/// One in so many schedules goes by the gateway.
const BY_GATEWAY: u32 = 8;

const MOST_HOSTS: usize = 4;

impl<'a> Cloud<'a> {
    pub async fn new(template: &'a Template, seed: u64, options: &Options) -> Result<Self, Error> {
        let mut dice = Dice::of(seed, 1);
        let by_gateway = dice.one_in(BY_GATEWAY);
        Self::of(template, (seed, dice), options, by_gateway).await
    }

    /// One whose clients all go by the gateway, of two hosts at least.
    pub async fn behind_gateway(template: &'a Template, seed: u64, verbose: bool) -> Result<Self, Error> {
        let mut cloud = Self::of(template, (seed, Dice::of(seed, 1)), &Options { bug: None, verbose }, true).await?;
        if cloud.hosts.len() == 1 {
            cloud.hosts.push(Host::new(1));
        }
        Ok(cloud)
    }

    async fn of(template: &'a Template, (seed, mut dice): (u64, Dice), options: &Options, by_gateway: bool) -> Result<Self, Error> {
        let folder = template.copy()?;
        let database = template::database(folder.path())?;
        let groups = default_groups(&database, &template.accounts)?;
        let mut cloud = Self {
            template,
            folder,
            database,
            clock: ManualClock::at(template::beginning()),
            entropy: Seeded::of(seed, 2),
            scheduler: None,
            gateway: None,
            by_gateway,
            hosts: (0..=dice.below(MOST_HOSTS)).map(Host::new).collect(),
            dice,
            groups,
            journal: Journal::default(),
            watch: Watch::default(),
            trace: Trace::new(options.verbose),
            planted: Planted::new(options.bug),
            welcomes: Vec::new(),
        };
        cloud.start_scheduler().await?;
        Ok(cloud)
    }

    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(self.clock.clone())
    }

    pub async fn start_scheduler(&mut self) -> Result<(), Error> {
        let config = template::config(self.folder.path());
        let scheduler = Scheduler::open(config, self.clock(), Arc::new(self.entropy.clone())).await?;
        if self.by_gateway {
            let routes = in_process(scheduler.command_routes());
            let backend = Backend { commands: routes.clone(), identity: routes };
            let config = freehold_api_gateway::Config::default();
            self.gateway = Some(Gateway::in_process(config, backend, self.clock(), Arc::new(self.entropy.clone()))?);
        }
        self.scheduler = Some(scheduler);
        Ok(())
    }

    /// Its process is killed: nobody leaves, nothing under way arrives.
    pub fn kill_scheduler(&mut self) {
        for session in self.hosts.iter_mut().flat_map(|host| &mut host.sessions) {
            session.attendance = None;
            session.up.clear();
        }
        (self.scheduler, self.gateway) = (None, None);
    }

    /// The agent's process starts. It may die in that, or find that its disk refuses.
    pub async fn start_agent(&mut self, at: usize) -> Result<(), Broken> {
        let (clock, entropy) = (self.clock(), Arc::new(self.entropy.clone()));
        let host = &mut self.hosts[at];
        let started = host.start(clock, entropy).await;
        if host.disk.is_dead() || started.is_err() {
            host.kill();
        }
        self.looked_at(at)
    }

    /// After any step of a host: a process that died is gone, and whatever changed there must have been allowed.
    pub fn looked_at(&mut self, at: usize) -> Result<(), Broken> {
        let host = &mut self.hosts[at];
        if host.disk.is_dead() {
            self.trace.say(|| format!("host {at}: its agent has died in the middle"));
            host.guests().into_keys().for_each(|id| self.journal.agent_died(&id));
            host.kill();
        }
        self.watch.host(host, &self.journal)
    }

    /// The agent dials. A scheduler that is down, or does not let it in, is tried again some other time.
    pub async fn dial(&mut self, at: usize) -> Result<(), Broken> {
        let host = &mut self.hosts[at];
        let (Some(agent), Some(scheduler)) = (&mut host.agent, &self.scheduler) else { return Ok(()) };
        let (down, mut spoken) = mpsc::channel(ROOM);
        let attendance = match scheduler.hosts_service().admit(agent.hello(), None, down).await {
            Ok(attendance) => attendance,
            Err(status) => return Err(Broken::new("the scheduler works", format!("host {at} is not let in: {status}"))),
        };
        let first = spoken.try_recv();
        let mut session = Session::new(attendance, spoken);
        if let Ok(Ok(ToAgent { kind: Some(to_agent::Kind::Welcome(welcome)), .. })) = first {
            if self.welcomes.last() != Some(&welcome) {
                self.welcomes.push(welcome.clone());
            }
            session.line = agent.welcomed(&welcome).ok();
        }
        host.sessions.push(session);
        self.looked_at(at)
    }

    /// The agent reaches a scheduler of before, or another cloud's. It must not follow it.
    pub fn dial_astray(&mut self, at: usize, welcome: &Welcome) -> Result<(), Broken> {
        let host = &mut self.hosts[at];
        let Some(agent) = &mut host.agent else { return Ok(()) };
        let hello = agent.hello();
        let newest = self.watch.epoch(at);
        let strange = !hello.cluster_id.is_empty() && hello.cluster_id != welcome.cluster_id;
        let followed = agent.welcomed(welcome).is_ok();
        if followed && (strange || welcome.epoch < newest) {
            return Err(Broken::new("an old scheduler is not followed", format!("host {at} follows {welcome:?} after epoch {newest}")));
        }
        self.looked_at(at)
    }

    /// The scheduler says what it has to say in a session.
    pub async fn speak(&mut self, at: usize, index: usize) -> Result<(), Broken> {
        let session = &mut self.hosts[at].sessions[index];
        let Some(attendance) = &mut session.attendance else { return Ok(()) };
        let spoke = if session.stated { attendance.state_changes().await } else { attendance.state_everything().await };
        session.stated = true;
        session.collect();
        self.went_on(at, index, spoke, "speak to").await
    }

    /// A session that the scheduler ends (the host has a newer one, or was removed) is over for the agent, too, which dials again.
    async fn went_on(&mut self, at: usize, index: usize, step: Result<(), End>, what: &str) -> Result<(), Broken> {
        match step {
            Ok(()) => Ok(()),
            Err(End::Closed) => {
                self.trace.say(|| format!("the scheduler ends session {index} of host {at}"));
                self.hosts[at].sessions[index].hang_up();
                self.notice(at, index).await;
                Ok(())
            }
            Err(end @ End::Failed(_)) => Err(Broken::new("the scheduler works", format!("it can not {what} host {at}: {end:?}"))),
        }
    }

    /// The scheduler repeats what is to be buried.
    pub async fn remind(&mut self, at: usize, index: usize) -> Result<(), Broken> {
        let session = &mut self.hosts[at].sessions[index];
        let Some(attendance) = session.attendance.as_mut().filter(|_| session.stated) else { return Ok(()) };
        let spoke = attendance.state_tombstones().await;
        session.collect();
        self.went_on(at, index, spoke, "remind").await
    }

    /// The scheduler hears the next message of a session.
    pub async fn hear(&mut self, at: usize, index: usize) -> Result<(), Broken> {
        let session = &mut self.hosts[at].sessions[index];
        let Some(message) = session.up.pop_front() else { return Ok(()) };
        let Some(attendance) = &mut session.attendance else { return Ok(()) };
        self.trace.say(|| format!("host {at} ▸ scheduler: {}", brief(&message.kind)));
        let heard = Box::pin(attendance.hear(message)).await;
        self.went_on(at, index, heard, "hear").await
    }

    /// The agent takes in the next messages, as many as come together.
    pub async fn deliver(&mut self, at: usize, most: usize) -> Result<(), Broken> {
        let host = &mut self.hosts[at];
        let Some(session) = host.sessions.last_mut() else { return Ok(()) };
        let (Some(line), Some(agent)) = (&mut session.line, &host.agent) else { return Ok(()) };
        let mut batch: Vec<ToAgent> = session.down.drain(..most.min(session.down.len())).collect();
        self.planted.change(&mut batch);
        for message in &batch {
            self.trace.say(|| format!("scheduler ▸ host {at}: {}", brief(&message.kind)));
        }
        self.watch.told(at, &batch);
        match agent.hear(line, batch).await {
            Ok(said) => session.up.extend(said),
            Err(ended) => {
                self.trace.say(|| format!("host {at}: the session ends: {ended}"));
                session.hang_up();
            }
        }
        self.looked_at(at)
    }

    /// The agent looks at one instance.
    pub async fn work(&mut self, at: usize) -> Result<bool, Broken> {
        let Some(agent) = &self.hosts[at].agent else { return Ok(false) };
        let worked = agent.work_one().await;
        if let Some(id) = &worked {
            self.trace.say(|| format!("host {at} looks at {id}"));
        }
        self.looked_at(at)?;
        Ok(worked.is_some())
    }

    /// The agent says what it has to say.
    pub fn say(&mut self, at: usize) {
        let host = &mut self.hosts[at];
        let Some(session) = host.sessions.last_mut() else { return };
        if let (Some(line), Some(agent)) = (&mut session.line, &host.agent) {
            session.up.extend(agent.statements(line));
        }
    }

    /// The scheduler notices that a session's other end is gone, or that a newer one has taken its place.
    pub async fn notice(&mut self, at: usize, session: usize) {
        let session = &mut self.hosts[at].sessions[session];
        session.up.clear();
        if let Some(attendance) = session.attendance.take() {
            attendance.leave().await;
        }
    }
}

fn default_groups(database: &Connection, accounts: &[String]) -> Result<Vec<String>, Error> {
    let mut groups = Vec::new();
    for account in accounts {
        let of = "SELECT group_id FROM security_group WHERE account_id = ?1 AND group_name = 'default'";
        groups.push(database.query_row(of, [account], |row| row.get(0))?);
    }
    Ok(groups)
}

/// A message on one line, without what is empty in it.
fn brief(kind: &impl std::fmt::Debug) -> String {
    let text = format!("{kind:?}");
    let short: String = text.chars().take(260).collect();
    if short.len() < text.len() { short + "…" } else { short }
}
