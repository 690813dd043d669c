//! One sequence, from its seed to its verdict: requests of 32 clients one after another, between them steps of the hosts and of the clock.
//! After each request the model and what is shown are compared.

use std::collections::BTreeMap;

use super::answer::Element;
use super::bug::{ANSWERS, GOES, SHOWS, Slip};
use super::draw::Draw;
use super::instances::Instance;
use super::query::Query;
use super::room::Host;
use super::shown::Family;
use super::{Account, Foretold, Rules};
use crate::checks::rows::all;
use crate::checks::{self, capacity};
use crate::cloud::Cloud;
use crate::dice::Dice;
use crate::door::post;
use crate::run::{Broken, rest};
use crate::template::{Error, Template};

/// Each with as many clients, every one of which has a key of its own.
pub const ACCOUNTS: [&str; 4] = ["111122223333", "444455556666", "777788889999", "123412341234"];
pub const CLIENTS_EACH: usize = 8;

/// Lines of the trace that are told of whatever it was about.
const LAST: usize = 8;

/// How sequences are run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    pub requests: usize,
    pub slip: Option<Slip>,
    /// Tells every request as it is answered.
    pub verbose: bool,
}

/// What came of a sequence.
#[derive(Debug)]
pub struct Outcome {
    pub seed: u64,
    pub broken: Option<Broken>,
    /// Everything that happened, a line each.
    pub trace: Vec<String>,
    pub requests: usize,
    /// How many were accepted, by action.
    pub accepted: BTreeMap<&'static str, usize>,
    /// How many were refused, by code.
    pub refused: BTreeMap<String, usize>,
}

impl Outcome {
    /// The shortest tail that says what happened: what names the same things as the failure, and the last lines.
    pub fn tail(&self) -> Vec<&String> {
        let Some(broken) = &self.broken else { return Vec::new() };
        let is_id = |word: &&str| word.contains('-') && word.len() > 12;
        let split = |c: char| !(c.is_ascii_alphanumeric() || c == '-');
        let last = self.trace.last().map(String::as_str).unwrap_or_default();
        let ids: Vec<&str> = broken.what.split(split).chain(last.split(split)).filter(is_id).collect();
        // What hosts and the scheduler say to each other is no client's concern.
        let lines: Vec<&String> = self.trace.iter().filter(|line| !line.starts_with("host ") && !line.starts_with("scheduler ")).collect();
        let first = lines.len().saturating_sub(LAST);
        let lines = lines.into_iter().enumerate();
        lines.filter(|(at, line)| *at >= first || ids.iter().any(|id| line.contains(id))).map(|(_, line)| line).collect()
    }
}

/// What every sequence starts from: the accounts and their clients' keys.
pub async fn clients() -> Result<Template, Error> {
    Template::of(&ACCOUNTS, CLIENTS_EACH).await
}

/// Runs the sequence of `seed`. An error is no verdict: the machine could not run it.
pub async fn run(template: &Template, seed: u64, options: &Options) -> Result<Outcome, Error> {
    let cloud = Cloud::behind_gateway(template, seed, options.verbose).await?;
    let mut sequence = Sequence {
        rules: Rules::default(),
        dice: Dice::of(seed, 3),
        slip: options.slip,
        requests: 0,
        asked: 0,
        accepted: BTreeMap::new(),
        refused: BTreeMap::new(),
        cloud,
    };
    let broken = sequence.all(options.requests).await.err();
    let Sequence { cloud, requests, accepted, refused, .. } = sequence;
    Ok(Outcome { seed, broken, trace: cloud.trace.lines, requests, accepted, refused })
}

/// Requests of a sequence in which a slip has to be found, and sequences.
const BOUND: (usize, u64) = (300, 5);

/// The first seed and request by which a slip is found, by a rule of the model.
pub async fn found(template: &Template, slip: Slip) -> Result<Option<(u64, usize)>, Error> {
    let options = Options { requests: BOUND.0, slip: Some(slip), verbose: false };
    for seed in 1..=BOUND.1 {
        let outcome = Box::pin(run(template, seed, &options)).await?;
        if outcome.broken.is_some_and(|broken| [ANSWERS, SHOWS, GOES].contains(&broken.rule)) {
            return Ok(Some((seed, outcome.requests)));
        }
    }
    Ok(None)
}

pub struct Sequence<'a> {
    pub cloud: Cloud<'a>,
    pub rules: Rules,
    pub dice: Dice,
    slip: Option<Slip>,
    /// Commands so far, and everything that was asked.
    pub requests: usize,
    asked: usize,
    accepted: BTreeMap<&'static str, usize>,
    refused: BTreeMap<String, usize>,
}

pub fn broken(rule: &'static str, what: impl Into<String>) -> Broken {
    Broken::new(rule, what.into())
}

/// A document, or the code of its error.
pub type Answer = Result<Element, String>;

impl Sequence<'_> {
    async fn all(&mut self, requests: usize) -> Result<(), Broken> {
        self.begin().await?;
        for _ in 0..requests {
            self.request().await?;
            if self.dice.one_in(3) {
                self.hosts_go_on().await?;
            }
        }
        rest(&mut self.cloud).await?;
        self.observe().await?;
        self.has_come_to_rest()?;
        for account in 0..ACCOUNTS.len() {
            self.look_at(account, &Family::ALL).await?;
        }
        checks::everything_has_its_owner(&self.cloud)
    }

    /// Every host attends, and the model learns what was there before any client came.
    async fn begin(&mut self) -> Result<(), Broken> {
        rest(&mut self.cloud).await?;
        self.rules.image_id.clone_from(&self.cloud.template.image_id);
        for host in &self.cloud.hosts {
            let capacity = host.capacity();
            let has = [u64::from(capacity.vcpus), capacity.memory_mib, capacity.disk_mib];
            self.rules.hosts.extend(host.id().map(|id| (id, Host { has })));
        }
        for (id, group_id) in self.cloud.template.accounts.iter().zip(&self.cloud.groups) {
            self.rules.accounts.push(Account { id: id.clone(), group_id: group_id.clone(), ..Account::default() });
        }
        Ok(())
    }

    /// One request of one client, and what is shown after it.
    async fn request(&mut self) -> Result<(), Broken> {
        let client = self.dice.below(self.cloud.template.keys.len());
        let account = client / CLIENTS_EACH;
        let query = Draw { dice: &mut self.dice, rules: &self.rules, account }.query();
        let foretold = self.rules.foretell(account, &query);
        let answer = self.put(client, &query).await?;
        self.requests += 1;
        let said = answer.as_ref().map_or_else(Clone::clone, |_| "accepted".into());
        let id = &self.rules.accounts[account].id;
        self.cloud.trace.say(|| format!("{} client {client} of {id}: {query:?}: {said}", self.requests));
        self.judge(account, &query, &foretold, answer)?;
        self.learn_places()?;
        self.rules.places_hold().map_err(|what| broken("an instance is where it may be", what))?;
        capacity::holds(&self.cloud.database)?;
        self.look(account, &query).await
    }

    fn judge(&mut self, account: usize, query: &Query, foretold: &Foretold, answer: Answer) -> Result<(), Broken> {
        let wrong = |said: &str| broken(ANSWERS, format!("{query:?} was answered {said}, and foretold was {foretold:?}"));
        match (foretold, answer) {
            (Foretold::Refused(codes), Err(code)) if codes.contains(&code.as_str()) => {
                *self.refused.entry(code).or_default() += 1;
                Ok(())
            }
            (Foretold::Refused(_), Ok(_)) => Err(wrong("with success")),
            (_, Err(code)) => Err(wrong(&code)),
            (Foretold::Again(ids), Ok(answer)) => {
                let said: Vec<&str> = answer.items("instancesSet").map(|item| item.at("instanceId")).collect();
                if said == *ids { Ok(()) } else { Err(wrong(&format!("{said:?}"))) }
            }
            (Foretold::Done, Ok(answer)) => {
                *self.accepted.entry(query.action).or_default() += 1;
                self.excuse(query);
                let accepted = self.rules.accept(account, query, &answer);
                accepted.map_err(|what| broken(ANSWERS, format!("{query:?}: {what}")))
            }
        }
    }

    /// What the hosts' watch is to expect.
    fn excuse(&mut self, query: &Query) {
        for id in query.list("InstanceId") {
            let excuse = self.cloud.journal.excuse(id);
            match query.action {
                "StopInstances" => excuse.off = true,
                "TerminateInstances" => excuse.end = true,
                "StartInstances" => excuse.boots += 1,
                "RebootInstances" => (excuse.boots, excuse.reboots) = (excuse.boots + 1, excuse.reboots + 1),
                _ => {}
            }
        }
    }

    pub async fn put(&mut self, client: usize, query: &Query) -> Result<Answer, Broken> {
        let fails = |what: String| broken("the scheduler works", what);
        let (mut sent, mut client) = (query.clone(), client);
        self.asked += 1;
        if let Some(slip) = self.slip {
            slip.change(&mut sent);
            slip.change_rows(&self.cloud.database).map_err(|error| fails(error.to_string()))?;
            if slip.is_strange(query, self.asked) {
                client = (client + CLIENTS_EACH) % self.cloud.template.keys.len();
            }
        }
        let Some(gateway) = &self.cloud.gateway else { return Err(fails("there is no gateway".into())) };
        let key = &self.cloud.template.keys[client];
        let (accepted, mut document) =
            post(gateway, key, &self.cloud.clock, &sent.form()).await.map_err(|error| fails(error.to_string()))?;
        if let Some(slip) = self.slip {
            slip.change_answer(&mut document);
        }
        let answer = Element::read(&document).map_err(|error| broken(ANSWERS, format!("{query:?}: {error}")))?;
        if accepted { Ok(Ok(answer)) } else { Ok(Err(answer.at("Errors/Error/Code").to_owned())) }
    }

    /// Where new instances are, which no client is told.
    fn learn_places(&mut self) -> Result<(), Broken> {
        let unplaced = |one: &Instance| one.host.is_none();
        if !self.rules.accounts.iter().flat_map(|account| account.instances.values()).any(unplaced) {
            return Ok(());
        }
        let query = "SELECT instance_id, host_id FROM instance WHERE host_id IS NOT NULL";
        let places: Vec<(String, String)> = all(&self.cloud.database, query, |row| Ok((row.get(0)?, row.get(1)?)))
            .map_err(|error| broken("the scheduler works", error.to_string()))?;
        let places: BTreeMap<String, String> = places.into_iter().collect();
        for (id, one) in self.rules.accounts.iter_mut().flat_map(|account| &mut account.instances) {
            one.host = one.host.take().or_else(|| places.get(id).cloned());
        }
        Ok(())
    }
}
