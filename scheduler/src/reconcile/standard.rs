//! The two standard tests, written once for every reconciler: a crash after any step converges, and running twice changes nothing.
//! `reconcilers!` runs them; what they need to know of a reconciler is its [`Rehearsal`].

use std::time::Duration;

use super::{Reconciler, pass};
use crate::lab::{Agent, Lab};

/// A store in which something is about to come due.
pub struct Stage {
    pub lab: Lab,
    pub agent: Agent,
}

pub trait Rehearsal: Reconciler {
    /// After this long [`Self::DUE`] things are due, and a millisecond earlier none is.
    const WAIT: Duration;

    /// Enough for a crash before, between and after the steps; one that takes a single step has one.
    const DUE: usize = 3;

    /// How many are due after a crash behind so many steps.
    fn due_after(steps: usize) -> usize {
        Self::DUE - steps
    }

    async fn stage() -> Stage;

    /// Everything that it might touch, row by row.
    async fn rows(lab: &Lab) -> String;

    /// What is left in the end, whichever way it came about: what differs from one stage to the next (ids, times) is left out.
    async fn outcome(lab: &Lab) -> String;

    /// The process dies and another goes on. What comes due anew only some time after that has come due when this returns.
    async fn crash(&self, stage: Stage) -> Stage {
        Stage { lab: stage.lab.crash().await, agent: stage.agent }
    }
}

const A_MOMENT: Duration = Duration::from_millis(1);

pub async fn a_crash_after_any_step_converges<R: Rehearsal>(reconciler: R) {
    let undisturbed = R::stage().await;
    undisturbed.lab.clock.advance(R::WAIT);
    assert_eq!(pass(&reconciler, undisturbed.lab.store()).await.expect("a pass"), R::DUE);
    let outcome = R::outcome(&undisturbed.lab).await;
    for steps in 0..=R::DUE {
        let stage = R::stage().await;
        assert_ne!(R::outcome(&stage.lab).await, outcome, "there is something to do");
        stage.lab.clock.advance(R::WAIT);
        for one in reconciler.due(stage.lab.store()).await.expect("due").into_iter().take(steps) {
            reconciler.step(stage.lab.store(), one).await.expect("a step");
        }
        let stage = reconciler.crash(stage).await;
        assert_eq!(pass(&reconciler, stage.lab.store()).await.expect("a pass"), R::due_after(steps));
        assert_eq!(R::outcome(&stage.lab).await, outcome, "after a crash behind step {steps}");
    }
}

pub async fn running_twice_changes_nothing<R: Rehearsal>(reconciler: R) {
    let Stage { lab, agent: _agent } = R::stage().await;
    let early = R::rows(&lab).await;
    lab.clock.advance(R::WAIT.saturating_sub(A_MOMENT));
    assert_eq!(pass(&reconciler, lab.store()).await.expect("a pass"), 0);
    assert_eq!(R::rows(&lab).await, early, "nothing is due a millisecond early");
    lab.clock.advance(A_MOMENT);
    let due = reconciler.due(lab.store()).await.expect("due");
    assert_eq!(pass(&reconciler, lab.store()).await.expect("a pass"), R::DUE);
    let once = R::rows(&lab).await;
    assert_ne!(once, early);
    for one in due {
        reconciler.step(lab.store(), one).await.expect("a step that was done already");
    }
    assert_eq!(pass(&reconciler, lab.store()).await.expect("a pass"), 0);
    assert_eq!(R::rows(&lab).await, once);
}
