//! How long to wait before trying again.

use std::time::Duration;

use crate::Entropy;

/// Doubling pauses with a bound, the upper half of each by chance, so that many who failed
/// together don't come back together.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    /// The pause after the first failure.
    pub first: Duration,
    /// What doubling ends at.
    pub longest: Duration,
}

impl Backoff {
    /// The pause after so many failures in a row, counted from 1.
    pub fn pause(&self, failures: u32, entropy: &dyn Entropy) -> Duration {
        let doublings = failures.saturating_sub(1).min(16);
        let whole = self.first.saturating_mul(1 << doublings).min(self.longest);
        let mut chance = [0];
        entropy.fill(&mut chance);
        whole / 2 + whole * u32::from(chance[0]) / 512
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeededEntropy;

    #[test]
    fn pauses_double_up_to_a_bound_and_are_never_none() {
        let backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(10) };
        let entropy = SeededEntropy::new(3);
        for (failures, whole) in [(0, 1), (1, 1), (2, 2), (3, 4), (4, 8), (5, 10), (u32::MAX, 10)] {
            let pause = backoff.pause(failures, &entropy);
            let whole = Duration::from_secs(whole);
            assert!(whole / 2 <= pause && pause < whole, "{failures}: {pause:?}");
        }
    }
}
