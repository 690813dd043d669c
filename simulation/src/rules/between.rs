//! What happens between two requests: hosts work, time passes, guests act. The model learns of it by what is shown.

use std::collections::BTreeMap;

use freehold_proto::clock::Clock;

use super::bug::GOES;
use super::instances::{Instance, State};
use super::sequence::{ACCOUNTS, Sequence, broken};
use super::shown::{All, Family};
use crate::checks::rows::all;
use crate::run::Broken;
use crate::template::beginning;

impl Sequence<'_> {
    /// Hosts work, some more than others; time passes; a guest does something of its own.
    pub async fn hosts_go_on(&mut self) -> Result<(), Broken> {
        let seconds = match self.dice.below(30) {
            0..=19 => 2,
            20..=24 => 0,
            25..=26 => 61,
            27 => 1_900,
            28 => 3_700,
            _ => 40_000,
        };
        self.pass(seconds).await?;
        for at in 0..self.cloud.hosts.len() {
            if self.dice.one_in(3) {
                self.work_a_little(at).await?;
            } else {
                self.cloud.run_dry(at).await?;
            }
        }
        if self.dice.one_in(12) {
            self.a_guest_switches_itself_off();
        }
        self.observe().await
    }

    async fn pass(&mut self, seconds: u64) -> Result<(), Broken> {
        if seconds == 0 {
            return Ok(());
        }
        self.cloud.trace.say(|| format!("{seconds} s pass"));
        self.cloud.pass_time(seconds).await
    }

    async fn work_a_little(&mut self, at: usize) -> Result<(), Broken> {
        let Some(last) = self.cloud.hosts[at].sessions.len().checked_sub(1) else { return Ok(()) };
        self.cloud.speak(at, last).await?;
        let most = 1 + self.dice.below(6);
        self.cloud.deliver(at, most).await?;
        for _ in 0..self.dice.below(4) {
            self.cloud.work(at).await?;
        }
        self.cloud.say(at);
        for _ in 0..self.dice.below(4) {
            self.cloud.hear(at, last).await?;
        }
        Ok(())
    }

    fn a_guest_switches_itself_off(&mut self) {
        let on: Vec<(usize, String)> = self
            .cloud
            .hosts
            .iter()
            .enumerate()
            .flat_map(|(at, host)| host.guests().into_iter().filter(|(_, guest)| guest.on).map(move |(id, _)| (at, id)))
            .collect();
        let Some((at, id)) = self.dice.pick(&on).cloned() else { return };
        let (Some(agent), Some(one)) =
            (&self.cloud.hosts[at].agent, self.rules.accounts.iter_mut().find_map(|account| account.instances.get_mut(&id)))
        else {
            return;
        };
        self.cloud.trace.say(|| format!("the guest of {id} switches itself off"));
        agent.tell_guest(&id, "power-off");
        one.off = true;
        // What that means is decided when the host tells of it, and may be changed until then.
        let excuse = self.cloud.journal.excuse(&id);
        (excuse.off, excuse.end) = (true, true);
    }

    /// What hosts have brought about, as it is shown: only what EC2's graph allows. The rows say of whom there is something to see.
    pub async fn observe(&mut self) -> Result<(), Broken> {
        self.rules.now = self.cloud.clock.now().duration_since(beginning()).unwrap_or_default().as_secs();
        let query = "SELECT account_id, instance_id, state FROM instance";
        let rows: Vec<(String, String, String)> = all(&self.cloud.database, query, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .map_err(|error| broken("the scheduler works", error.to_string()))?;
        for account in 0..ACCOUNTS.len() {
            let own = &self.rules.accounts[account];
            let there: BTreeMap<&String, &str> = rows.iter().filter(|row| row.0 == own.id).map(|row| (&row.1, row.2.as_str())).collect();
            let known: BTreeMap<&String, &str> = own.instances.iter().map(|(id, one)| (id, one.state.word())).collect();
            if there != known {
                let shown = self.describe(account, Family::Instances, Family::Instances.question(), false).await?;
                self.take_in(account, &shown)?;
            }
        }
        Ok(())
    }

    fn take_in(&mut self, account: usize, shown: &All) -> Result<(), Broken> {
        let now = self.rules.now;
        let own = &mut self.rules.accounts[account];
        let forgotten: Vec<String> = own.instances.iter().filter(|(_, one)| one.is_forgotten(now)).map(|(id, _)| id.clone()).collect();
        for id in forgotten {
            own.instances.remove(&id);
            own.tags.remove(&id);
        }
        for (id, one) in &mut own.instances {
            let Some(facts) = shown.get(id) else { return Err(broken(GOES, format!("{id}, {}, is not shown", one.state.word()))) };
            let Some(state) = State::of(&facts["state"]) else { return Err(broken(GOES, format!("{id} is {}", facts["state"]))) };
            if state != one.state {
                self.cloud.trace.say(|| format!("{id} is {}", state.word()));
            }
            one.moved(state, now).map_err(|what| broken(GOES, format!("{id} {what}")))?;
        }
        let strange = shown.keys().find(|id| !own.instances.contains_key(*id));
        strange.map_or(Ok(()), |id| Err(broken(GOES, format!("{id} is shown, and is not there any more"))))
    }

    /// Nothing is on its way any more.
    pub fn has_come_to_rest(&self) -> Result<(), Broken> {
        let mut all = self.rules.accounts.iter().flat_map(|account| &account.instances);
        let waits = |one: &Instance| !matches!(one.state, State::Running | State::Stopped | State::Terminated);
        let found = all.find(|(_, one)| waits(one));
        found.map_or(Ok(()), |(id, one)| Err(broken(GOES, format!("{id} is {} for ever", one.state.word()))))
    }
}
