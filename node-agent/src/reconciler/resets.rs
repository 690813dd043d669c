//! Reboots that were carried out and are not written down yet: a disk that refuses must not have a guest reset at each look.
//!
//! Kept in memory: an agent that dies between a reset and its record resets once more, which is what a lost reboot would be worse than.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

#[derive(Debug, Default)]
pub struct Resets(Mutex<BTreeMap<String, u64>>);

impl Resets {
    /// Whether the guest was reset for this count already.
    pub fn carried_out(&self, instance_id: &str, reboots: u64) -> bool {
        self.lock().get(instance_id) == Some(&reboots)
    }

    pub fn note(&self, instance_id: &str, reboots: u64) {
        self.lock().insert(instance_id.to_owned(), reboots);
    }

    /// It is on the disk.
    pub fn written(&self, instance_id: &str) {
        self.lock().remove(instance_id);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
