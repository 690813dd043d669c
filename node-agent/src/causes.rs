//! Which client's request an order follows from, so that this host's log has the id that the client was told. In memory and bounded; a
//! guide for people, never a ground for a decision.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use freehold_proto::internal::host::{ToAgent, to_agent};

/// Instances whose last request is remembered; beyond, the one with the smallest id is forgotten.
const KEPT: usize = 8192;

#[derive(Debug, Default)]
pub struct Causes(Mutex<BTreeMap<String, String>>);

impl Causes {
    /// Notes what a message says of where it comes from.
    pub fn note(&self, message: &ToAgent) {
        let instance_id = match &message.kind {
            Some(to_agent::Kind::Instance(instance)) => &instance.instance_id,
            Some(to_agent::Kind::Tombstone(tombstone)) => &tombstone.id,
            _ => return,
        };
        let Some(request_id) = freehold_link::trace::request_id(&message.traceparent) else { return };
        tracing::debug!(instance_id, request_id, "an order came");
        let mut causes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        causes.insert(instance_id.clone(), request_id);
        if causes.len() > KEPT {
            causes.pop_first();
        }
    }

    /// The request behind the last order for this instance; empty where none is known.
    pub fn of(&self, instance_id: &str) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(instance_id).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use freehold_proto::internal::host::InstanceDesired;

    use super::*;

    fn order(instance_id: &str, traceparent: &str) -> ToAgent {
        let desired = InstanceDesired { instance_id: instance_id.into(), ..InstanceDesired::default() };
        ToAgent { kind: Some(to_agent::Kind::Instance(desired)), traceparent: traceparent.into() }
    }

    #[test]
    fn the_last_request_is_remembered_and_nonsense_is_not() {
        let causes = Causes::default();
        causes.note(&order("i-a", "00-0af7651916cd43dd8448eb211c80319c-8448eb211c80319c-01"));
        causes.note(&order("i-a", "nonsense"));
        causes.note(&order("i-b", ""));
        assert_eq!(causes.of("i-a"), "0af76519-16cd-43dd-8448-eb211c80319c");
        assert_eq!(causes.of("i-b"), "");
    }
}
