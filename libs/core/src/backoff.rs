//! Exponential backoff with jitter.

use std::time::Duration;

use crate::Entropy;

/// Exponential backoff: the delay doubles with each failure up to a limit. Half of each delay is
/// random, so that clients that failed at the same time don't retry at the same time.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    /// Delay after the first failure.
    pub initial: Duration,
    /// Longest delay.
    pub max: Duration,
}

impl Backoff {
    /// Returns the delay after this number of failures in a row, counted from 1.
    pub fn delay(&self, failures: u32, entropy: &dyn Entropy) -> Duration {
        let doublings = failures.saturating_sub(1).min(16);
        let delay = self.initial.saturating_mul(1 << doublings).min(self.max);
        let mut random = [0];
        entropy.fill(&mut random);
        delay / 2 + delay * u32::from(random[0]) / 512
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeededEntropy;

    #[test]
    fn delays_double_up_to_the_longest_and_are_never_zero() {
        let backoff = Backoff { initial: Duration::from_secs(1), max: Duration::from_secs(10) };
        let entropy = SeededEntropy::new(3);
        for (failures, longest) in [(0, 1), (1, 1), (2, 2), (3, 4), (4, 8), (5, 10), (u32::MAX, 10)]
        {
            let delay = backoff.delay(failures, &entropy);
            let longest = Duration::from_secs(longest);
            assert!(longest / 2 <= delay && delay < longest, "{failures}: {delay:?}");
        }
    }
}
