//! Random bytes. The generator is a parameter everywhere, so that tests can repeat a run.

use std::sync::Mutex;

/// Source of random bytes.
pub trait Entropy: Send + Sync + 'static {
    /// Fills the buffer with random bytes.
    fn fill(&self, buffer: &mut [u8]);
}

/// The operating system's generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(clippy::disallowed_methods, reason = "the only use of the machine's generator")]
    fn fill(&self, buffer: &mut [u8]) {
        // Without random bytes no token is safe, so the process must not continue.
        getrandom::fill(buffer).expect("the operating system returns random bytes");
    }
}

/// A generator for tests that returns the same bytes for the same seed.
#[derive(Debug)]
pub struct SeededEntropy(Mutex<u64>);

impl SeededEntropy {
    /// Creates a generator from a seed.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        let mut state = self.0.lock().expect("nothing panics under the lock");
        for byte in buffer {
            // One step of splitmix64 for each byte is good enough for tests.
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = *state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            *byte = (z >> 56) as u8;
        }
    }
}
