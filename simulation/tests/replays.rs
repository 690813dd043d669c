//! A seed is all that a failure needs: the same schedule, step by step, in another process as in this one.

#![allow(clippy::expect_used, reason = "a test may panic")]

use freehold_simulation::{Bug, Options, Template, run};

#[tokio::test]
async fn the_same_seed_is_the_same_schedule_and_another_is_another() {
    let mut traces = Vec::new();
    for _ in 0..2 {
        // A template of its own, as another process makes it.
        let template = Template::make().await.expect("a template");
        for seed in 1..=6 {
            traces.push(Box::pin(run(&template, seed, &Options::default())).await.expect("a machine that can run it").trace);
        }
    }
    let (first, second) = traces.split_at(6);
    assert_eq!(first, second);
    assert!(first.iter().all(|trace| trace.len() > 60) && first[0] != first[1]);
}

#[tokio::test]
async fn a_failure_is_replayed_by_its_seed() {
    let template = Template::make().await.expect("a template");
    let options = Options { bug: Some(Bug::LostStatements), ..Options::default() };
    for seed in 1..=10 {
        let [once, twice] = [Box::pin(run(&template, seed, &options)).await, Box::pin(run(&template, seed, &options)).await];
        let (once, twice) = (once.expect("a machine that can run it"), twice.expect("a machine that can run it"));
        assert_eq!((once.broken, once.trace), (twice.broken, twice.trace));
    }
}
