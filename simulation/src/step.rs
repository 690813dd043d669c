//! What happens next: one thing out of all that can, drawn from the dice.

use std::time::Duration;

use freehold_proto::Fault;
use freehold_proto::internal::host::Welcome;
use freehold_scheduler::reconcile::{ForgetClientTokens, ForgetRefusals, GiveUpLaunches, PruneChanges, ReapTerminated, pass};

use crate::checks;
use crate::cloud::Cloud;
use crate::run::Broken;

/// A process that is to die does so within this many operations of its disk.
const LONGEST_LIFE: usize = 12;

impl Cloud<'_> {
    /// One step.
    pub async fn step(&mut self) -> Result<(), Broken> {
        let at = self.dice.below(self.hosts.len());
        match self.dice.below(100) {
            0..=17 => self.ask_at_random().await,
            18..=21 => self.ask_again().await,
            22..=29 => self.connect(at).await,
            30..=41 => self.let_speak(at).await,
            42..=55 => {
                let most = 1 + self.dice.below(6);
                self.deliver(at, most).await
            }
            56..=67 => self.let_hear(at).await,
            68..=78 => self.work(at).await.map(drop),
            79..=84 => {
                self.say(at);
                Ok(())
            }
            85..=88 => self.let_time_pass().await,
            89..=97 => self.trouble(at).await,
            _ => {
                self.guest_acts(at);
                self.looked_at(at)
            }
        }
    }

    /// The agent starts where none runs, and dials where no session is open. A dial may reach nobody, or somebody of before.
    async fn connect(&mut self, at: usize) -> Result<(), Broken> {
        if self.hosts[at].agent.is_none() {
            self.trace.say(|| format!("host {at}: its agent starts"));
            return self.start_agent(at).await;
        }
        if self.hosts[at].open().is_some() {
            return Ok(());
        }
        // Whoever has followed nobody follows the first who answers.
        let follows = self.hosts[at].agent.as_ref().is_some_and(|agent| !agent.hello().cluster_id.is_empty());
        if follows
            && self.dice.one_in(10)
            && let Some(welcome) = self.strange_welcome()
        {
            self.trace.say(|| format!("host {at} reaches a scheduler that says {welcome:?}"));
            return self.dial_astray(at, &welcome);
        }
        if self.dice.one_in(6) {
            self.trace.say(|| format!("host {at} dials and reaches nobody"));
            return Ok(());
        }
        self.trace.say(|| format!("host {at} dials"));
        self.dial(at).await
    }

    /// What a scheduler of another cloud says, or one that was started before the newest.
    fn strange_welcome(&mut self) -> Option<Welcome> {
        let newest = self.welcomes.last()?.clone();
        if self.dice.one_in(3) {
            return Some(Welcome { cluster_id: "another".into(), ..newest });
        }
        self.dice.pick(&self.welcomes).cloned()
    }

    fn any_session(&mut self, at: usize) -> Option<usize> {
        let count = self.hosts[at].sessions.len();
        // The newest is the one with most to do.
        if count == 0 { None } else { Some(if self.dice.one_in(3) { self.dice.below(count) } else { count - 1 }) }
    }

    async fn let_speak(&mut self, at: usize) -> Result<(), Broken> {
        let Some(session) = self.any_session(at) else { return Ok(()) };
        if self.dice.one_in(8) { self.remind(at, session).await } else { self.speak(at, session).await }
    }

    /// The next message of any session, also of one that is over for the agent; or the notice that it is. What a stream delivers it may
    /// seem to deliver twice, as when a session's last statement is the next one's first.
    async fn let_hear(&mut self, at: usize) -> Result<(), Broken> {
        let Some(session) = self.any_session(at) else { return Ok(()) };
        let one = &mut self.hosts[at].sessions[session];
        let over = one.line.is_none() && (one.up.is_empty() || self.dice.one_in(4));
        if over {
            if one.attendance.is_some() {
                self.trace.say(|| format!("the scheduler notices that session {session} of host {at} is over"));
            }
            self.notice(at, session).await;
            self.hosts[at].sessions.retain(|session| !session.is_over());
            return Ok(());
        }
        if self.dice.one_in(8)
            && let Some(first) = one.up.front().cloned()
        {
            one.up.push_front(first);
        }
        for _ in 0..=self.dice.below(3) {
            self.hear(at, session).await?;
        }
        Ok(())
    }

    /// From seconds to hours, after which whatever is due is done.
    async fn let_time_pass(&mut self) -> Result<(), Broken> {
        let seconds = [1, 2, 5, 30, 61, 120, 700, 3_700, 30_000, 90_000];
        // A client that says a request again does so within the day that its token is kept.
        let seconds = if self.journal.unanswered.is_empty() { &seconds[..] } else { &seconds[..8] };
        let seconds = self.dice.pick(seconds).copied().unwrap_or(1);
        self.trace.say(|| format!("{seconds} s pass"));
        self.pass_time(seconds).await
    }

    pub async fn pass_time(&mut self, seconds: u64) -> Result<(), Broken> {
        self.clock.advance(Duration::from_secs(seconds));
        self.hosts.iter().filter_map(|host| host.agent.as_ref()).for_each(freehold_node_agent::ManualAgent::hurry);
        self.reconcile().await
    }

    pub async fn reconcile(&mut self) -> Result<(), Broken> {
        if self.scheduler.is_none() {
            return Ok(());
        }
        // What is forgotten was seen to have ended an hour before.
        checks::rows::note_ended(&self.database, &mut self.journal)?;
        let Some(scheduler) = &self.scheduler else { return Ok(()) };
        let store = scheduler.store();
        // It is a matter of luck whether the World still finds in the feed what was committed hours ago in no time: a seed knows no luck.
        store.world().caught_up().await.map_err(|fault| Broken::new("the scheduler works", format!("the World: {fault:?}")))?;
        let passes = [
            pass(&ReapTerminated, store).await,
            pass(&GiveUpLaunches, store).await,
            pass(&ForgetClientTokens, store).await,
            pass(&ForgetRefusals, store).await,
            pass(&PruneChanges, store).await,
        ];
        for passed in passes {
            passed.map_err(|failure| Broken::new("the scheduler works", format!("a reconciler: {:?}", Fault::from(failure))))?;
        }
        Ok(())
    }

    /// Something fails.
    async fn trouble(&mut self, at: usize) -> Result<(), Broken> {
        match self.dice.below(23) {
            0..=4 => {
                self.trace.say(|| format!("host {at}'s session is cut"));
                self.cut(at).await;
            }
            5..=8 => self.kill_agent(at)?,
            9..=11 => {
                self.trace.say(|| format!("host {at} loses its power"));
                self.reboot_host(at)?;
            }
            12..=15 if self.scheduler.is_some() => {
                self.trace.say(|| "the scheduler is killed".into());
                self.kill_scheduler();
            }
            16 => {
                self.trace.say(|| format!("host {at}'s disk is full"));
                self.hosts[at].disk.set_full(true);
                self.journal.failed_hosts.extend(self.hosts[at].id());
            }
            17 => self.hosts[at].disk.set_full(false),
            18..=19 => {
                let undrain = self.dice.one_in(2);
                self.drain(at, undrain).await;
            }
            20..=21 => self.forget(at).await?,
            22 if self.dice.one_in(2) => self.lose(at).await?,
            _ => {}
        }
        if self.scheduler.is_none() && self.dice.one_in(2) {
            self.trace.say(|| "a scheduler starts".into());
            self.start_scheduler().await.map_err(|error| Broken::new("the scheduler works", format!("it does not start: {error}")))?;
        }
        Ok(())
    }

    /// One end notices first, or both at once. What the agent had sent may still arrive, as long as the scheduler has not noticed.
    async fn cut(&mut self, at: usize) {
        let Some(last) = self.hosts[at].sessions.len().checked_sub(1) else { return };
        let session = &mut self.hosts[at].sessions[last];
        if session.attendance.is_none() || self.dice.one_in(2) {
            session.hang_up();
            let arrives = self.dice.below(session.up.len() + 1);
            session.up.truncate(arrives);
        } else {
            self.notice(at, last).await;
            if self.dice.one_in(2) {
                self.hosts[at].sessions[last].hang_up();
            }
        }
        self.hosts[at].sessions.retain(|session| !session.is_over());
    }

    /// At once, or in the middle of what it does next.
    fn kill_agent(&mut self, at: usize) -> Result<(), Broken> {
        if self.hosts[at].agent.is_none() || self.dice.one_in(2) {
            self.trace.say(|| format!("host {at}'s agent is killed"));
            self.hosts[at].kill();
        } else {
            let operations = u32::try_from(self.dice.below(LONGEST_LIFE)).unwrap_or_default();
            self.trace.say(|| format!("host {at}'s agent will die after {operations} operations of its disk"));
            self.hosts[at].disk.kill_after(operations);
        }
        self.looked_at(at)
    }

    /// The machine: what was not synced may be gone, and no guest runs until the agent is back.
    pub fn reboot_host(&mut self, at: usize) -> Result<(), Broken> {
        for (id, guest) in self.hosts[at].guests() {
            if guest.on {
                let excuse = self.journal.excuse(&id);
                (excuse.boots, excuse.off) = (excuse.boots + 1, true);
            }
        }
        self.hosts[at].lose_power(&mut self.dice);
        self.looked_at(at)
    }

    /// A guest does something by its own will.
    fn guest_acts(&mut self, at: usize) {
        let on = self.hosts[at].guests().into_iter().filter(|(_, guest)| guest.on).map(|(id, _)| id);
        let on: Vec<String> = on.filter(|id| self.journal.instances.contains_key(id)).collect();
        let (Some(id), word) = (self.dice.pick(&on).cloned(), self.dice.below(4)) else { return };
        let Some(agent) = &self.hosts[at].agent else { return };
        let word = ["power-off", "power-off", "crash", "hang"][word];
        self.trace.say(|| format!("the guest of {id} on host {at}: {word}"));
        agent.tell_guest(&id, word);
        match word {
            "power-off" => self.journal.powered_off(&id),
            "crash" => {
                let excuse = self.journal.excuse(&id);
                (excuse.boots, excuse.off, excuse.failed) = (excuse.boots + 1, true, true);
            }
            _ => {}
        }
    }
}
