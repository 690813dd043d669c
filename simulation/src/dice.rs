//! All randomness, from one number.

use std::sync::{Arc, Mutex, PoisonError};

use freehold_proto::id::Entropy;
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What happens next.
#[derive(Clone, Debug)]
pub struct Dice(ChaCha8Rng);

impl Dice {
    pub fn of(seed: u64, stream: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Self(rng)
    }

    /// Below `bound`, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0.random_range(0..bound)
    }

    /// One in `times`.
    pub fn one_in(&mut self, times: u32) -> bool {
        self.0.random_ratio(1, times)
    }

    pub fn pick<'a, T>(&mut self, among: &'a [T]) -> Option<&'a T> {
        if among.is_empty() { None } else { among.get(self.below(among.len())) }
    }
}

/// What the product draws: ids, addresses, nonces. Of another stream than [`Dice`], so that neither disturbs the other.
#[derive(Clone, Debug)]
pub struct Seeded(Arc<Mutex<ChaCha8Rng>>);

impl Seeded {
    pub fn of(seed: u64, stream: u64) -> Self {
        Self(Arc::new(Mutex::new(Dice::of(seed, stream).0)))
    }
}

impl Entropy for Seeded {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(bytes);
    }
}
