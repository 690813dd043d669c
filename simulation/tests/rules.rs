//! The model of EC2's rules against the product: one sequence of each run is the same, one is the day's; slips are found; a seed is all that a
//! failure needs. Longer, and every slip: `simulate --rules` and `simulate --slips`, in `deploy/test --full simulation`.

#![allow(clippy::expect_used, reason = "a test may panic")]

use std::time::SystemTime;

use freehold_simulation::Template;
use freehold_simulation::rules::{Options, Outcome, Slip, clients, found, run};

/// Those that are found soon; `simulate --slips` looks for each.
const SOON: [Slip; 5] = [Slip::ActingDryRun, Slip::SmallTagKeys, Slip::NeverMonitored, Slip::EarlyForgetting, Slip::LastLeftOut];

fn day() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock").as_secs() / 86_400
}

async fn sequence(template: &Template, seed: u64, requests: usize, slip: Option<Slip>) -> Outcome {
    Box::pin(run(template, seed, &Options { requests, slip, verbose: false })).await.expect("a machine that can run it")
}

fn passes(outcome: &Outcome) {
    if let Some(broken) = &outcome.broken {
        outcome.tail().iter().for_each(|line| println!("{line}"));
        panic!("seed {} breaks a rule: {broken}\nto see it again: cargo run -p freehold-simulation -- --rules --seed {0}", outcome.seed);
    }
}

#[tokio::test]
async fn the_product_does_what_the_model_foretells() {
    let template = clients().await.expect("a template");
    for seed in [1, day()] {
        let outcome = sequence(&template, seed, 80, None).await;
        passes(&outcome);
        assert!(outcome.accepted.len() > 10, "too little was done: {:?}", outcome.accepted);
        assert!(outcome.refused.len() > 6, "too little was refused: {:?}", outcome.refused);
    }
}

#[tokio::test]
async fn the_same_seed_is_the_same_sequence() {
    let mut traces = Vec::new();
    for seed in [1, 1, 2] {
        // A template of its own, as another process makes it.
        let template = clients().await.expect("a template");
        traces.push(sequence(&template, seed, 25, None).await.trace);
    }
    assert_eq!(traces[0], traces[1]);
    assert_ne!(traces[0], traces[2]);
}

#[tokio::test]
async fn slips_are_found() {
    let template = clients().await.expect("a template");
    for slip in SOON {
        let found = Box::pin(found(&template, slip)).await.expect("a machine that can run it");
        println!("{:20} {found:?}", slip.word());
        assert!(found.is_some(), "{slip:?} is not found");
    }
}
