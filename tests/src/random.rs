//! Random values. Each run prints its seed, so that a failure can be repeated.

use std::sync::Arc;

use onethread_core::{Entropy, SeededEntropy, SystemEntropy};
use uuid::Uuid;

/// A seeded source of random values.
#[derive(Clone)]
pub struct Random(Arc<SeededEntropy>);

impl Random {
    /// Takes the seed from `ONETHREAD_SEED` or the operating system, and prints it on stderr.
    pub fn new() -> Self {
        let seed = std::env::var("ONETHREAD_SEED").ok().map_or_else(
            || {
                let mut bytes = [0; 8];
                SystemEntropy.fill(&mut bytes);
                u64::from_le_bytes(bytes)
            },
            |text| text.parse().expect("ONETHREAD_SEED is a number"),
        );
        eprintln!("seed: ONETHREAD_SEED={seed}");
        Self::seeded(seed)
    }

    /// Creates a source that returns the same values for the same seed.
    pub fn seeded(seed: u64) -> Self {
        Self(Arc::new(SeededEntropy::new(seed)))
    }

    /// Returns a number below `bound`, which must not be zero.
    pub fn below(&self, bound: u64) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_le_bytes(bytes) % bound
    }

    /// Returns a random UUID.
    pub fn uuid(&self) -> Uuid {
        let mut bytes = [0; 16];
        self.0.fill(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }
}

impl Default for Random {
    fn default() -> Self {
        Self::new()
    }
}
