//! How long to wait before dialling again: doubling, bounded, and never in step with other hosts.

use std::time::Duration;

use freehold_proto::id::Entropy;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(15);

#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Between half of the current bound and all of it.
    pub(super) fn next(&mut self, entropy: &dyn Entropy) -> Duration {
        let bound = FIRST.saturating_mul(1 << self.failures.min(16)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        let mut byte = [0_u8];
        entropy.fill(&mut byte);
        bound / 2 + bound.saturating_mul(u32::from(byte[0])) / 512
    }

    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use freehold_proto::id::OsEntropy;

    use super::*;

    #[test]
    fn waits_grow_to_a_bound_and_start_over_after_a_success() {
        let mut backoff = Backoff::default();
        let waits: Vec<Duration> = (0..40).map(|_| backoff.next(&OsEntropy)).collect();
        assert!(waits[0] <= FIRST && waits.iter().all(|wait| *wait <= LONGEST));
        assert!(waits[39] >= LONGEST / 2);
        backoff.reset();
        assert!(backoff.next(&OsEntropy) <= FIRST);
    }
}
