//! Leave to fetch images, as the scheduler last gave it. In memory alone: a grant is good for a while and in this host's hands, and the scheduler
//! states it anew in every session.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Images that are remembered; the scheduler states few, and repeats those in use.
const MOST: usize = 4096;

#[derive(Debug, Default)]
pub struct Grants(Mutex<BTreeMap<String, String>>);

impl Grants {
    pub fn take(&self, manifest: String, grant: String) {
        let mut grants = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if grants.len() >= MOST && !grants.contains_key(&manifest) {
            grants.pop_first();
        }
        grants.insert(manifest, grant);
    }

    pub fn of(&self, manifest: &str) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(manifest).cloned()
    }
}
