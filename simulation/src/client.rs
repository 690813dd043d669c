//! The clients: random requests, said again until they are answered, and noted in the journal.

use crate::call::{Answer, Call, Refused};
use crate::checks::{capacity, rows};
use crate::cloud::Cloud;
use crate::door::{signed, typed};
use crate::journal::{Unanswered, subject};
use crate::run::Broken;
use crate::template::ACCOUNTS;

/// Instances that a schedule makes at most, so that schedules stay short.
const MOST_INSTANCES: usize = 6;

/// Expected only where there is none.
const NO_ROOM: &str = "InsufficientInstanceCapacity";

/// Refusals that a client has to expect, since it does not know what others and hosts did meanwhile.
const EXPECTED: [&str; 5] =
    ["IncorrectInstanceState", NO_ROOM, "InvalidInstanceID.NotFound", "InvalidPermission.Duplicate", "InvalidPermission.NotFound"];

impl Cloud<'_> {
    /// Somebody asks something at random.
    pub async fn ask_at_random(&mut self) -> Result<(), Broken> {
        let account = self.dice.below(ACCOUNTS.len());
        let call = self.draw_call(account);
        if subject(&call).is_some_and(|subject| !self.journal.is_free(subject)) {
            return Ok(());
        }
        self.ask(account, call).await
    }

    fn draw_call(&mut self, account: usize) -> Call {
        let own: Vec<String> =
            self.journal.instances.iter().filter(|(_, known)| known.account == account).map(|(id, _)| id.clone()).collect();
        let port = 1000 + i32::try_from(self.dice.below(4)).unwrap_or_default();
        let full = self.journal.instances.len() >= MOST_INSTANCES;
        match (self.dice.pick(&own).cloned(), self.dice.below(17)) {
            (_, 16) => Call::Describe,
            (None, _) | (_, 0..=3) if !full => self.launch(),
            (Some(id), 0..=5) => Call::Stop { id, force: self.dice.one_in(3) },
            (Some(id), 6..=8) => Call::Start { id },
            (Some(id), 9) => Call::Reboot { id },
            (Some(id), 10..=11) => Call::Terminate { id },
            (Some(id), 12) => Call::Tag { id, value: format!("tag-{}", self.journal.calls) },
            (Some(id), 13) => Call::Untag { id },
            (_, 14) => Call::ClosePort { group: self.groups[account].clone(), port },
            _ => Call::OpenPort { group: self.groups[account].clone(), port },
        }
    }

    fn launch(&mut self) -> Call {
        self.journal.launches += 1;
        Call::Run {
            token: format!("token-{}", self.journal.launches),
            count: if self.dice.one_in(4) { 2 } else { 1 },
            terminate_on_shutdown: self.dice.one_in(4),
            tag: self.dice.one_in(3).then(|| format!("tag-{}", self.journal.calls)),
        }
    }

    /// One request. Its answer may be lost, before or after it was done.
    pub async fn ask(&mut self, account: usize, call: Call) -> Result<(), Broken> {
        let lost = self.dice.one_in(8);
        if self.scheduler.is_none() || (lost && self.dice.one_in(2)) {
            self.trace.say(|| format!("client {account}: {call:?} reaches nobody"));
            self.journal.unanswered.push(Unanswered { account, call });
            return Ok(());
        }
        let before = self.journal.sent(&call);
        let answer = self.put_and_look(account, &call).await?;
        if answer.is_err() {
            self.journal.taken_back(&call, before);
        }
        if lost {
            self.trace.say(|| format!("client {account}: {call:?}, whose answer is lost: {answer:?}"));
            self.journal.unanswered.push(Unanswered { account, call });
            return Ok(());
        }
        self.trace.say(|| format!("client {account}: {call:?}: {answer:?}"));
        self.answered(account, &call, answer)
    }

    /// The oldest request without an answer is said again.
    pub async fn ask_again(&mut self) -> Result<(), Broken> {
        if self.journal.unanswered.is_empty() || self.scheduler.is_none() {
            return Ok(());
        }
        let Unanswered { account, call } = self.journal.unanswered.remove(0);
        self.ask(account, call).await
    }

    /// Nothing else happens meanwhile, so that what the rows say is what was decided on.
    async fn put_and_look(&self, account: usize, call: &Call) -> Result<Result<Answer, Refused>, Broken> {
        let database = &self.database;
        let launches = matches!(call, Call::Run { .. });
        let before = if launches { capacity::placed(database)? } else { Vec::new() };
        let answer = self.put(account, call).await;
        match (call, &answer) {
            (Call::Run { .. }, Ok(_)) => capacity::launched_where_it_may(&before, &capacity::placed(database)?)?,
            (Call::Run { count, .. }, Err(refused)) if refused.code == NO_ROOM => capacity::launch_has_no_room(database, *count)?,
            (Call::Start { id }, Err(refused)) if refused.code == NO_ROOM => capacity::start_has_no_room(database, id)?,
            (Call::Describe, Ok(answer)) => rows::shows_what_is_there(database, ACCOUNTS[account], &answer.shown)?,
            _ => {}
        }
        capacity::holds(database)?;
        Ok(answer)
    }

    async fn put(&self, account: usize, call: &Call) -> Result<Answer, Refused> {
        let image_id = &self.template.image_id;
        match (&self.gateway, &self.scheduler) {
            (Some(gateway), _) => signed(gateway, &self.template.keys[account], &self.clock, image_id, call).await,
            (None, Some(scheduler)) => typed(scheduler, ACCOUNTS[account], image_id, call).await,
            (None, None) => Err(Refused { code: "NoAnswer".into(), message: "the scheduler is down".into() }),
        }
    }

    fn answered(&mut self, account: usize, call: &Call, answer: Result<Answer, Refused>) -> Result<(), Broken> {
        match answer {
            Ok(answer) => self.journal.accepted(account, call, &answer).map_err(|what| Broken::new("a token gives one answer", what)),
            Err(refused) if EXPECTED.contains(&refused.code.as_str()) => self.refused(account, call, &refused),
            Err(refused) => Err(Broken::new("the scheduler works", format!("{call:?} answered {refused:?}"))),
        }
    }

    /// Some refusals say something of what is there.
    fn refused(&mut self, account: usize, call: &Call, refused: &Refused) -> Result<(), Broken> {
        match (call, refused.code.as_str()) {
            (Call::OpenPort { port, .. }, "InvalidPermission.Duplicate") => _ = self.journal.ports.insert((account, *port), true),
            (Call::ClosePort { port, .. }, "InvalidPermission.NotFound") => _ = self.journal.ports.insert((account, *port), false),
            (Call::Tag { id, .. } | Call::Untag { id } | Call::Terminate { id }, "InvalidInstanceID.NotFound")
                if !self.journal.ended.contains(id) =>
            {
                return Err(Broken::new("an accepted write is there", format!("{id} is not found, and was not seen to end")));
            }
            _ => {}
        }
        Ok(())
    }
}

impl Cloud<'_> {
    /// Every client takes everything down.
    pub async fn terminate_everything(&mut self) -> Result<(), Broken> {
        let all: Vec<(String, usize)> = self.journal.instances.iter().map(|(id, known)| (id.clone(), known.account)).collect();
        for (id, account) in all {
            self.ask(account, Call::Terminate { id }).await?;
        }
        Ok(())
    }
}
