//! Of what all share, so much at most for each: one that wants everything leaves the others theirs.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Whoever is known about before those that hold nothing are forgotten.
const TIDY_AT_LEAST: usize = 64;

/// As many at once for each `K` as `each` says.
#[derive(Debug)]
pub struct Shares<K> {
    each: usize,
    held: Mutex<Held<K>>,
}

#[derive(Debug)]
struct Held<K> {
    by_whom: HashMap<K, Arc<Semaphore>>,
    tidy_at: usize,
}

impl<K: Eq + Hash> Shares<K> {
    pub fn new(each: usize) -> Self {
        Self { each, held: Mutex::new(Held { by_whom: HashMap::new(), tidy_at: TIDY_AT_LEAST }) }
    }

    /// The share of one, to wait for.
    pub fn of(&self, whose: K) -> Arc<Semaphore> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.by_whom.len() >= held.tidy_at {
            // A permit holds its semaphore: one that nobody else has is whole.
            held.by_whom.retain(|_, share| Arc::strong_count(share) > 1);
            held.tidy_at = TIDY_AT_LEAST.max(2 * held.by_whom.len());
        }
        Arc::clone(held.by_whom.entry(whose).or_insert_with(|| Arc::new(Semaphore::new(self.each))))
    }

    /// A place in the share of one, if it has any left.
    pub fn take(&self, whose: K) -> Option<OwnedSemaphorePermit> {
        self.of(whose).try_acquire_owned().ok()
    }
}

/// Whose connection it is, as far as an address can tell: of IPv6 a whole /64 is one machine's to choose from.
pub fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_has_more_than_a_share_and_what_is_given_back_can_be_taken_again() {
        let shares = Shares::new(2);
        let mut mine = vec![shares.take("a").unwrap(), shares.take("a").unwrap()];
        assert!(shares.take("a").is_none() && shares.take("b").is_some());
        mine.pop();
        assert!(shares.take("a").is_some());
    }

    #[test]
    fn who_holds_nothing_is_forgotten_and_who_holds_something_is_not() {
        let shares = Shares::new(1);
        let held = shares.take(0).unwrap();
        for other in 1..10_000 {
            drop(shares.take(other).unwrap());
        }
        assert!(shares.held.lock().unwrap().by_whom.len() <= TIDY_AT_LEAST);
        assert!(shares.take(0).is_none());
        drop(held);
        assert!(shares.take(0).is_some());
    }

    #[test]
    fn addresses_that_one_machine_can_choose_from_are_one_source() {
        let source = |text: &str| source(text.parse().unwrap()).to_string();
        assert_eq!(source("2001:db8::1:2:3:4"), "2001:db8::");
        assert_ne!(source("2001:db8:0:1::1"), source("2001:db8::1"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
        assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
    }
}
