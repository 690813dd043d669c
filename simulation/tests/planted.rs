//! Checks that find nothing are worth nothing: each bug that can be planted is found, by the rule that it breaks, within a few schedules.

#![allow(clippy::expect_used, reason = "a test may panic")]

use freehold_simulation::{Bug, Options, Template, run};

/// Schedules in which a planted bug has to be found.
const BOUND: u64 = 100;

/// The first seed whose schedule breaks the bug's own rule. What it breaks besides, in this schedule or another, it has to have struck for.
async fn found(template: &Template, bug: Bug) -> Option<u64> {
    let options = Options { bug: Some(bug), ..Options::default() };
    for seed in 1..=BOUND {
        let outcome = Box::pin(run(template, seed, &options)).await.expect("a machine that can run it");
        if let Some(broken) = outcome.broken {
            assert!(outcome.struck, "{bug:?}: seed {seed} breaks a rule before the bug has struck: {broken}");
            if broken.rule == bug.rule() {
                return Some(seed);
            }
        }
    }
    None
}

#[tokio::test]
async fn every_planted_bug_is_found_by_the_rule_that_it_breaks() {
    let template = Template::make().await.expect("a template");
    let mut missed = Vec::new();
    for bug in Bug::ALL {
        let found = Box::pin(found(&template, *bug)).await;
        println!("{:20} {found:?}", bug.word());
        missed.extend(found.is_none().then_some(*bug));
    }
    assert!(missed.is_empty(), "not found in {BOUND} schedules: {missed:?}");
}
