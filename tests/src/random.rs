//! Randomness of the tests: one seed for a run, printed, so that a failure can be repeated.

use std::sync::Arc;

use onethread_core::{Entropy, SeededEntropy, SystemEntropy};
use uuid::Uuid;

/// A seeded source of choices.
#[derive(Clone)]
pub struct Chance(Arc<SeededEntropy>);

impl Chance {
    /// Seeded from `ONETHREAD_SEED`, else from the operating system; says which on stderr.
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

    /// The same choices for the same seed.
    pub fn seeded(seed: u64) -> Self {
        Self(Arc::new(SeededEntropy::new(seed)))
    }

    /// A number below `bound`, which is not zero.
    pub fn below(&self, bound: u64) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_le_bytes(bytes) % bound
    }

    /// A random UUID.
    pub fn uuid(&self) -> Uuid {
        let mut bytes = [0; 16];
        self.0.fill(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }
}

impl Default for Chance {
    fn default() -> Self {
        Self::new()
    }
}
