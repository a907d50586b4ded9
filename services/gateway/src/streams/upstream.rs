//! A stream from another service that is opened again whenever it breaks.

use std::{mem, time::Duration};

use onethread_core::{Backoff, Entropy};
use tonic::Status;
use tracing::{info, warn};

/// Pauses before a broken stream is opened again.
const BACKOFF: Backoff =
    Backoff { initial: Duration::from_millis(50), max: Duration::from_secs(1) };

/// How often opening has failed in a row. A failure is logged once, until the stream is open again.
#[derive(Debug)]
pub(super) struct Upstream {
    /// What the log calls the stream.
    name: &'static str,
    failures: u32,
    is_reported: bool,
}

impl Upstream {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, failures: 0, is_reported: false }
    }

    /// The stream works.
    pub(super) fn opened(&mut self) {
        self.failures = 0;
        if mem::take(&mut self.is_reported) {
            info!(stream = self.name, "stream is open again");
        }
    }

    /// The stream ended.
    pub(super) fn broken(&mut self, status: &Status) {
        self.failures = self.failures.saturating_add(1);
        if !mem::replace(&mut self.is_reported, true) {
            warn!(stream = self.name, code = ?status.code(), "stream broke, opening it again");
        }
    }

    /// Waits before the next attempt.
    pub(super) async fn pause(&self, entropy: &dyn Entropy) {
        tokio::time::sleep(BACKOFF.delay(self.failures, entropy)).await;
    }
}
