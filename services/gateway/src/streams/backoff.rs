//! Waits between attempts to reach a service again.

use std::time::Duration;

use onethread_core::Entropy;

/// The first wait, and what it doubles to.
const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(1);

/// Doubling waits, their upper half by chance, so that gateways don't come back all at once.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// It went well: the next failure is the first.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    /// Waits.
    pub(super) async fn wait(&mut self, entropy: &dyn Entropy) {
        let whole = FIRST.saturating_mul(1 << self.failures.min(10)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        let mut chance = [0];
        entropy.fill(&mut chance);
        let part = f64::from(chance[0]) / 255.0;
        tokio::time::sleep(whole.mul_f64(0.5 + part / 2.0)).await;
    }
}
