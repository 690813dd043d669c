//! A bound for each caller beside the one for all of them, so that no guest can use up what the guests of a VPC share.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Turns {
    per_caller: usize,
    taken: Arc<Mutex<BTreeMap<Ipv4Addr, usize>>>,
}

impl Turns {
    pub fn new(per_caller: usize) -> Self {
        Self { per_caller, taken: Arc::default() }
    }

    /// `None` if the caller has as many as it may.
    pub fn take(&self, caller: Ipv4Addr) -> Option<Turn> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(caller).or_default();
        if *count >= self.per_caller {
            return None;
        }
        *count += 1;
        Some(Turn { taken: Arc::clone(&self.taken), caller })
    }
}

/// Given back when it is dropped.
#[derive(Debug)]
pub struct Turn {
    taken: Arc<Mutex<BTreeMap<Ipv4Addr, usize>>>,
    caller: Ipv4Addr,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.caller) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.caller);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_caller_can_not_use_up_anothers_turns_and_nothing_is_kept_of_either() {
        let turns = Turns::new(2);
        let (a, b) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
        let held = [turns.take(a), turns.take(a), turns.take(b)];
        assert!(held.iter().all(Option::is_some) && turns.take(a).is_none() && turns.take(b).is_some());
        drop(held);
        assert!(turns.take(a).is_some() && turns.taken.lock().unwrap().is_empty());
    }
}
