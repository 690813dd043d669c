//! `simulate`: schedules of the simulation, as many as are asked for; the seed of each is told where it fails.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
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
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.bugs {
        for bug in Bug::ALL {
            println!("{:20} breaks: {}", bug.word(), bug.rule());
        }
        return ExitCode::SUCCESS;
    }
    match simulate(&arguments) {
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
