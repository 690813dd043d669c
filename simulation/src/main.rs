//! `simulate`: schedules of the simulation, or sequences against the model of EC2's rules, as many as are asked for; the seed of each is
//! told where it fails.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use freehold_simulation::rules::{self, Slip};
use freehold_simulation::template::Error;
use freehold_simulation::{Bug, Options, Outcome, Template, run};

/// Runs schedules of the simulated cloud, one seed each, and stops at the first that breaks a rule.
#[derive(Parser)]
struct Arguments {
    /// The first seed; the others follow it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many schedules, at most.
    #[arg(long, default_value_t = 1)]
    schedules: u64,
    /// How long, at most.
    #[arg(long)]
    seconds: Option<u64>,
    /// Tells every step.
    #[arg(long)]
    verbose: bool,
    /// Plants a bug: a word of `--bugs`.
    #[arg(long)]
    bug: Option<String>,
    /// Lists what can be planted, and the rule that it breaks.
    #[arg(long)]
    bugs: bool,
    /// Random requests of 32 clients against the model of EC2's rules, in a cloud that nothing harms, instead of faults.
    #[arg(long)]
    rules: bool,
    /// Plants each bug of `--rules` and says by which request the model has found it.
    #[arg(long)]
    slips: bool,
    /// How many requests such a sequence has.
    #[arg(long, default_value_t = 300)]
    requests: usize,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.bugs {
        for bug in Bug::ALL {
            println!("{:20} breaks: {}", bug.word(), bug.rule());
        }
        for slip in Slip::ALL {
            println!("{:20} with --rules, breaks: {}", slip.word(), slip.rule());
        }
        return ExitCode::SUCCESS;
    }
    let clean = if arguments.slips {
        slips()
    } else if arguments.rules {
        sequences(&arguments)
    } else {
        simulate(&arguments)
    };
    match clean {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("the simulation can not run: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every schedule was clean.
fn simulate(arguments: &Arguments) -> Result<bool, Error> {
    let bug = match &arguments.bug {
        None => None,
        Some(word) => Some(*Bug::ALL.iter().find(|bug| bug.word() == word).ok_or("no such bug; --bugs lists them")?),
    };
    let options = Options { bug, verbose: arguments.verbose };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let template = Template::make().await?;
        let (began, mut done, mut calls) = (Instant::now(), 0, 0);
        let limit = arguments.seconds.map(Duration::from_secs);
        while done < arguments.schedules && limit.is_none_or(|limit| began.elapsed() < limit) {
            let outcome = Box::pin(run(&template, arguments.seed.wrapping_add(done), &options)).await?;
            done += 1;
            calls += outcome.calls;
            if let Some(broken) = &outcome.broken {
                tell(&outcome, &broken.to_string(), arguments);
                return Ok(false);
            }
        }
        let spent = began.elapsed();
        let each = spent.as_secs_f64() * 1000.0 / f64::from(u32::try_from(done.max(1)).unwrap_or(u32::MAX));
        let first = arguments.seed;
        let seconds = spent.as_secs_f64();
        println!("{done} schedules passed in {seconds:.1}s, {each:.1} ms each, {calls} requests, seeds {first} to {}", first + done - 1);
        Ok(true)
    })
}

fn tell(outcome: &Outcome, broken: &str, arguments: &Arguments) {
    if !arguments.verbose {
        for line in &outcome.trace {
            println!("{line}");
        }
    }
    let seed = outcome.seed;
    println!("\nseed {seed} breaks a rule\n  {broken}\nto see it again: cargo run -p freehold-simulation -- --seed {seed}");
}

/// Whether the product and the model said the same in every sequence.
fn sequences(arguments: &Arguments) -> Result<bool, Error> {
    let slip = match &arguments.bug {
        None => None,
        Some(word) => Some(*Slip::ALL.iter().find(|slip| slip.word() == word).ok_or("no such bug with --rules; --bugs lists them")?),
    };
    let options = rules::Options { requests: arguments.requests, slip, verbose: arguments.verbose };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let template = rules::clients().await?;
        let (began, mut done, mut requests) = (Instant::now(), 0, 0);
        let (mut accepted, mut refused) = (BTreeMap::new(), BTreeMap::new());
        let limit = arguments.seconds.map(Duration::from_secs);
        while done < arguments.schedules && limit.is_none_or(|limit| began.elapsed() < limit) {
            let outcome = Box::pin(rules::run(&template, arguments.seed.wrapping_add(done), &options)).await?;
            done += 1;
            requests += outcome.requests;
            outcome.accepted.iter().for_each(|(action, count)| *accepted.entry(*action).or_insert(0) += count);
            outcome.refused.iter().for_each(|(code, count)| *refused.entry(code.clone()).or_insert(0) += count);
            if let Some(broken) = &outcome.broken {
                outcome.tail().iter().for_each(|line| println!("{line}"));
                let seed = outcome.seed;
                println!("\nseed {seed} breaks a rule\n  {broken}");
                println!("to see it again: cargo run -p freehold-simulation -- --rules --seed {seed} --requests {}", options.requests);
                return Ok(false);
            }
            if done.is_multiple_of(50) {
                println!("{done} sequences so far, {requests} requests");
            }
        }
        println!("accepted: {accepted:?}\nrefused: {refused:?}");
        let (seconds, first) = (began.elapsed().as_secs_f64(), arguments.seed);
        println!("{done} sequences passed in {seconds:.1}s, {requests} requests, seeds {first} to {}", first + done - 1);
        Ok(true)
    })
}

/// Whether every slip is found.
fn slips() -> Result<bool, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (template, mut all) = (rules::clients().await?, true);
        for slip in Slip::ALL {
            let found = Box::pin(rules::found(&template, *slip)).await?;
            println!(
                "{:20} {}",
                slip.word(),
                found.map_or("not found".into(), |(seed, request)| format!("seed {seed}, request {request}"))
            );
            all &= found.is_some();
        }
        Ok(all)
    })
}
