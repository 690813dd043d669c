//! One schedule, from its seed to its verdict.

use std::fmt;

use crate::bug::Bug;
use crate::checks;
use crate::cloud::Cloud;
use crate::template::{Error, Template};

/// Steps of a schedule, at least and at most.
const STEPS: (usize, usize) = (60, 240);

/// Rounds in which a mended cloud has to come to rest.
const ROUNDS: usize = 60;

/// Rounds of a cloud at rest: whatever waits for a timeout has it in so many.
const STILL: usize = 3;

/// Steps of one host in one round.
const STEPS_PER_ROUND: usize = 2_000;

/// How schedules are run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    pub bug: Option<Bug>,
    /// Tells every step as it is taken.
    pub verbose: bool,
}

/// A rule did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    pub rule: &'static str,
    pub what: String,
}

impl Broken {
    pub fn new(rule: &'static str, what: String) -> Self {
        Self { rule, what }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.rule, self.what)
    }
}

/// What came of a schedule.
#[derive(Debug)]
pub struct Outcome {
    pub seed: u64,
    pub broken: Option<Broken>,
    /// Every step, to be read by whoever looks for the reason.
    pub trace: Vec<String>,
    /// Whether the planted bug has struck.
    pub struck: bool,
    pub calls: usize,
}

/// What has happened, a line each.
#[derive(Debug)]
pub struct Trace {
    pub lines: Vec<String>,
    verbose: bool,
}

impl Trace {
    pub fn new(verbose: bool) -> Self {
        Self { lines: Vec::new(), verbose }
    }

    pub fn say(&mut self, line: impl FnOnce() -> String) {
        let line = line();
        if self.verbose {
            eprintln!("{line}");
        }
        self.lines.push(line);
    }
}

/// Runs the schedule of `seed`. An error is no verdict: the machine could not run it.
pub async fn run(template: &Template, seed: u64, options: &Options) -> Result<Outcome, Error> {
    let mut cloud = Cloud::new(template, seed, options).await?;
    let broken = schedule(&mut cloud).await.err();
    let struck = cloud.planted.is_done();
    Ok(Outcome { seed, broken, trace: std::mem::take(&mut cloud.trace.lines), struck, calls: cloud.journal.calls })
}

async fn schedule(cloud: &mut Cloud<'_>) -> Result<(), Broken> {
    let steps = STEPS.0 + cloud.dice.below(STEPS.1 - STEPS.0);
    for step in 0..steps {
        if step > steps / 3 && !cloud.planted.strikes_at_rest() && cloud.dice.one_in(8) {
            cloud.strike();
        }
        cloud.step().await?;
    }
    cloud.trace.say(|| "everything is mended".into());
    rest(cloud).await?;
    if cloud.planted.strikes_at_rest() {
        cloud.strike();
        rest(cloud).await?;
    }
    checks::at_rest(cloud)?;
    // What hosts had failed at has been made up for, or given up.
    cloud.journal.failed_hosts.clear();
    if cloud.dice.one_in(2) {
        cloud.trace.say(|| "everything is terminated".into());
        cloud.terminate_everything().await?;
        if cloud.dice.one_in(2) {
            cloud.trace.say(|| "the operator winds up every host".into());
            cloud.wind_up().await?;
        }
        rest(cloud).await?;
        checks::at_rest(cloud)?;
    }
    Ok(())
}

/// Mends everything and lets it run until nothing happens any more.
pub async fn rest(cloud: &mut Cloud<'_>) -> Result<(), Broken> {
    let mut still = 0;
    for _ in 0..ROUNDS {
        let mut moved = cloud.mend().await?;
        for at in 0..cloud.hosts.len() {
            moved |= cloud.run_dry(at).await?;
        }
        if moved {
            still = 0;
            continue;
        }
        still += 1;
        if still > STILL {
            return Ok(());
        }
        cloud.pass_time(61).await?;
        for at in 0..cloud.hosts.len() {
            let last = cloud.hosts[at].sessions.len().saturating_sub(1);
            cloud.remind(at, last).await?;
            cloud.deliver(at, usize::MAX).await?;
        }
    }
    Err(Broken::new("it comes to rest", format!("something still happens after {ROUNDS} rounds")))
}

impl Cloud<'_> {
    /// Every part runs, every disk has room, every agent attends, every request is answered. Says whether anything had to be done.
    async fn mend(&mut self) -> Result<bool, Broken> {
        let mut moved = false;
        if self.scheduler.is_none() {
            moved = true;
            self.start_scheduler().await.map_err(|error| Broken::new("the scheduler works", format!("it does not start: {error}")))?;
        }
        for at in 0..self.hosts.len() {
            moved |= self.mend_host(at).await?;
        }
        while !self.journal.unanswered.is_empty() {
            moved = true;
            self.ask_again().await?;
        }
        Ok(moved)
    }

    async fn mend_host(&mut self, at: usize) -> Result<bool, Broken> {
        self.hosts[at].disk.set_full(false);
        self.hosts[at].disk.spare();
        let mut moved = false;
        while self.hosts[at].agent.is_none() {
            moved = true;
            self.start_agent(at).await?;
        }
        let open = self.hosts[at].open().is_some_and(|session| session.attendance.is_some());
        let kept = usize::from(open);
        while self.hosts[at].sessions.len() > kept {
            moved = true;
            self.hosts[at].sessions[0].hang_up();
            self.notice(at, 0).await;
            self.hosts[at].sessions.remove(0);
        }
        if !open {
            moved = true;
            self.dial(at).await?;
        }
        Ok(moved)
    }

    /// Lets one host and the scheduler talk and work until neither has more to do.
    pub async fn run_dry(&mut self, at: usize) -> Result<bool, Broken> {
        let mut moved = false;
        for _ in 0..STEPS_PER_ROUND {
            let Some(last) = self.hosts[at].sessions.len().checked_sub(1) else { return Ok(moved) };
            self.speak(at, last).await?;
            let more = !self.hosts[at].sessions[last].down.is_empty();
            self.deliver(at, 64).await?;
            let worked = self.work(at).await?;
            self.say(at);
            let said = self.hosts[at].sessions.get(last).is_some_and(|session| !session.up.is_empty());
            while self.hosts[at].sessions.get(last).is_some_and(|session| !session.up.is_empty()) {
                self.hear(at, last).await?;
            }
            if !(more || worked || said) {
                return Ok(moved);
            }
            // A look by itself is nothing: there is one for each instance every while.
            moved |= more || said;
        }
        Err(Broken::new("it comes to rest", format!("host {at} and the scheduler never come to an end")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Call;

    async fn ask(cloud: &mut Cloud<'_>, call: Call) {
        cloud.ask(0, call).await.expect("asked");
        while !cloud.journal.unanswered.is_empty() {
            cloud.ask_again().await.expect("asked again");
        }
    }

    fn launch(token: &str) -> Call {
        Call::Run { token: token.into(), count: 1, terminate_on_shutdown: false, tag: None }
    }

    /// What the host has to say goes on its way, and the scheduler hears it up to the first message that is so.
    async fn hear_until(cloud: &mut Cloud<'_>, so: &str) {
        for _ in 0..STEPS_PER_ROUND {
            cloud.speak(0, 0).await.expect("it speaks");
            cloud.deliver(0, 64).await.expect("it hears");
            cloud.work(0).await.expect("it works");
            cloud.say(0);
            while let Some(next) = cloud.hosts[0].sessions[0].up.front() {
                let found = format!("{next:?}").contains(so);
                cloud.hear(0, 0).await.expect("heard");
                if found {
                    return;
                }
            }
            cloud.pass_time(1).await.expect("time passes");
        }
        panic!("it never says {so}");
    }

    /// The scheduler has heard that the VPC is buried, and not that its group is; then an instance arrives.
    #[tokio::test]
    async fn a_burial_that_is_cut_between_a_vpc_and_its_group_is_taken_back_with_the_next_instance() {
        let template = Template::make().await.expect("a template");
        let mut cloud = Cloud::new(&template, 1, &Options::default()).await.expect("a cloud");
        cloud.hosts.truncate(1);
        cloud.start_agent(0).await.expect("started");
        cloud.dial(0).await.expect("it attends");
        ask(&mut cloud, launch("first")).await;
        rest(&mut cloud).await.expect("it comes to rest");
        let id = cloud.journal.instances.keys().next().expect("an instance").clone();
        ask(&mut cloud, Call::Terminate { id }).await;
        hear_until(&mut cloud, "Buried { kind: Vpc").await;
        let unheard = format!("{:?}", cloud.hosts[0].sessions[0].up);
        assert!(unheard.contains("Buried { kind: SecurityGroup"), "{unheard}");
        cloud.hosts[0].sessions[0].hang_up();
        cloud.notice(0, 0).await;
        cloud.hosts[0].sessions.clear();
        cloud.dial(0).await.expect("it attends");
        ask(&mut cloud, launch("second")).await;
        rest(&mut cloud).await.expect("it comes to rest");
        checks::at_rest(&cloud).expect("everything is as it should be");
    }
}
