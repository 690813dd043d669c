//! Which client's request an order to a host follows from: for logs, so that one id leads from a client's error to a host's log.
//!
//! Kept in memory and bounded: what is forgotten, or lies before the scheduler's start, is told without a cause.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use freehold_proto::internal::host::to_agent;

use crate::store::{Change, Kind};

/// Instances whose last request is remembered.
const KEPT: usize = 16_384;

/// The last request that changed what a host is told, by instance.
#[derive(Debug, Default)]
pub struct Causes(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    by_instance: HashMap<String, String>,
    order: VecDeque<String>,
}

impl Causes {
    /// `changes` are about to be committed by this request.
    pub fn note(&self, changes: &[Change], request_id: &str) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for change in changes.iter().filter(|change| change.kind == Kind::Instance) {
            if state.by_instance.insert(change.id.clone(), request_id.to_owned()).is_none() {
                state.order.push_back(change.id.clone());
            }
            if state.order.len() > KEPT
                && let Some(oldest) = state.order.pop_front()
            {
                state.by_instance.remove(&oldest);
            }
        }
    }

    /// The `traceparent` of the request behind a message to an agent; empty where none is known.
    pub fn of(&self, kind: &to_agent::Kind) -> String {
        let instance_id = match kind {
            to_agent::Kind::Instance(instance) => &instance.instance_id,
            to_agent::Kind::Tombstone(tombstone) => &tombstone.id,
            _ => return String::new(),
        };
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.by_instance.get(instance_id).and_then(|request_id| freehold_link::trace::traceparent(request_id)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use freehold_proto::internal::host::InstanceDesired;

    use super::*;

    const ID: &str = "0af76519-16cd-43dd-8448-eb211c80319c";

    #[test]
    fn the_last_request_is_told_and_what_is_kept_is_bounded() {
        let causes = Causes::default();
        let change = |at: usize| Change { kind: Kind::Instance, id: format!("i-{at}") };
        let told = |at: usize| {
            let desired = InstanceDesired { instance_id: format!("i-{at}"), ..InstanceDesired::default() };
            freehold_link::trace::request_id(&causes.of(&to_agent::Kind::Instance(desired)))
        };
        causes.note(&[change(0)], "6ba7b810-9dad-11d1-80b4-00c04fd430c8");
        causes.note(&[change(0), change(1)], ID);
        assert_eq!((told(0).as_deref(), told(1).as_deref(), told(2)), (Some(ID), Some(ID), None));
        for at in 2..=KEPT {
            causes.note(&[change(at)], ID);
        }
        assert_eq!((told(0), told(1).as_deref()), (None, Some(ID)), "the oldest is forgotten");
    }
}
